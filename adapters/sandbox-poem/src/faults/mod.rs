//! Faults: lost, late or garbled responses, and outages. The rules run first; then faults happen at random, with a seed.
//! Tests can change them while the sandbox runs.

mod gate;
mod lines;
mod plan;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Moment};

pub(crate) use gate::{Visit, pass};
pub(crate) use lines::{Line, Lines, Watched};
pub use plan::{Fault, Illness, Odds, Place};

use plan::Fate;

/// The current faults; none by default. Clones control the same sandbox.
#[derive(Clone)]
pub struct Faults {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

struct State {
    dice: fastrand::Rng,
    odds: HashMap<Place, Odds>,
    /// By the person's `sub`.
    ill: HashMap<String, Illness>,
    down_until: Moment,
}

/// What happens to one request.
enum Verdict {
    /// An outage: the rules do not run.
    Down,
    /// The rules run, then this fault happens.
    Up(Fate),
}

impl Faults {
    pub(crate) fn new(clock: Clock) -> Self {
        let state = State {
            dice: fastrand::Rng::with_seed(0),
            odds: HashMap::new(),
            ill: HashMap::new(),
            down_until: Moment::ZERO,
        };
        Self {
            clock,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Seeds the random numbers.
    pub fn seed(&self, seed: u64) {
        self.lock().dice = fastrand::Rng::with_seed(seed);
    }

    /// Sets the faults at one place.
    pub fn set(&self, place: Place, odds: Odds) {
        self.lock().odds.insert(place, odds);
    }

    /// Starts an outage of this length at all endpoints; the sandbox forgets nothing.
    pub fn go_down_for(&self, duration: Duration) {
        self.lock().down_until = (self.clock)() + duration;
    }

    /// Rejects every refresh of one person (`sub`) from now on. Needs a ledger.
    pub fn fall_ill(&self, person: &str, illness: Illness) {
        self.lock().ill.insert(person.to_owned(), illness);
    }

    /// Ends the rejections of one person.
    pub fn recover(&self, person: &str) {
        self.lock().ill.remove(person);
    }

    /// Returns why this person's refreshes are rejected, if they are.
    pub(crate) fn illness(&self, person: &str) -> Option<Illness> {
        self.lock().ill.get(person).copied()
    }

    /// Removes all faults.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.ill.clear();
        state.odds.clear();
        state.down_until = Moment::ZERO;
    }

    fn judge(&self, place: Place) -> Verdict {
        let mut state = self.lock();
        if (self.clock)() < state.down_until {
            return Verdict::Down;
        }
        let State { dice, odds, .. } = &mut *state;
        let odds = odds.get(&place);
        Verdict::Up(odds.map(|odds| odds.throw(dice)).unwrap_or_default())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
