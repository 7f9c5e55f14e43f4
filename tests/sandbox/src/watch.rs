//! Records what happens in a sandbox.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use central_oauth_sandbox_poem::{Issued, RefreshRefusal, Witness};
use poem::Request;

use crate::faults::Faults;
use crate::gate::Visit;
use crate::ledger::Ledger;
use crate::lines::{Line, Lines};

/// The ledger, the faults and the connections of one sandbox.
pub(crate) struct Watch {
    pub(crate) faults: Faults,
    pub(crate) lines: Lines,
    started: Instant,
    ledger: Mutex<Ledger>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            faults: Faults::default(),
            lines: Lines::default(),
            started: Instant::now(),
            ledger: Mutex::default(),
        }
    }
}

impl Watch {
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Locks the ledger. Never hold the guard across an `await`.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts a connection, and records that a fault did so.
    pub(crate) fn cut(&self, line: Option<&Line>) {
        if let Some(line) = line {
            self.ledger().cut(line.number);
            line.cut();
        }
    }
}

impl Witness for Watch {
    fn started(&self, family: &str, person: String, issued: &Issued) {
        self.ledger().started(family, person, issued, self.now());
    }

    fn presented(
        &self,
        request: &Request,
        refresh_token: &str,
        outcome: &Result<Issued, RefreshRefusal>,
    ) {
        let visit = request.data::<Arc<Visit>>();
        let connection = visit.and_then(|visit| visit.connection);
        let now = self.now();
        let mut ledger = self.ledger();
        let entry = ledger.presented(refresh_token, outcome, connection, now);
        if let (Some(visit), Some(entry)) = (visit, entry) {
            // Set once, because a request presents one refresh token.
            let _ = visit.entry.set(entry);
        }
    }
}
