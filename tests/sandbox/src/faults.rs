//! Faults: lost, late or garbled responses, and outages. The sandbox first applies its rules to a request; then faults
//! happen at random, with a seed. Tests can change the faults while the sandbox runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::plan::{Fate, Illness, Odds, Place};

/// The current faults; none by default. Clones control the same sandbox.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

struct State {
    dice: fastrand::Rng,
    odds: HashMap<Place, Odds>,
    /// By the person's `sub`.
    ill: HashMap<String, Illness>,
    down_until: Option<Instant>,
}

/// What happens to one request.
pub(crate) enum Verdict {
    /// An outage: the rules do not run.
    Down,
    /// The rules run, then this fault happens.
    Up(Fate),
}

impl Default for State {
    fn default() -> Self {
        Self {
            dice: fastrand::Rng::with_seed(0),
            odds: HashMap::new(),
            ill: HashMap::new(),
            down_until: None,
        }
    }
}

impl Faults {
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
        self.lock().down_until = Some(Instant::now() + duration);
    }

    /// Rejects every refresh of one person (`sub`) from now on.
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
        state.down_until = None;
    }

    pub(crate) fn judge(&self, place: Place) -> Verdict {
        let mut state = self.lock();
        if state.down_until.is_some_and(|end| Instant::now() < end) {
            return Verdict::Down;
        }
        let State { dice, odds, .. } = &mut *state;
        let odds = odds.get(&place);
        Verdict::Up(odds.map(|odds| odds.throw(dice)).unwrap_or_default())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
