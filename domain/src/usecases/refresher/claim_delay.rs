//! Lets other replicas claim due refreshes first, after this one could not send a refresh token because of its configuration.

use std::sync::Mutex;
use std::time::Duration;

use crate::lock::lock;
use crate::time::Timestamp;

/// How much later than others this process claims what is due: a replica looks for due work once a second.
const DELAY: Duration = Duration::from_secs(1);
/// For how long that lasts.
const DELAYED_FOR: Duration = Duration::from_secs(600);

/// Remembers when this process could not send a refresh token.
#[derive(Default)]
pub(super) struct ClaimDelay(Mutex<Option<Timestamp>>);

impl ClaimDelay {
    /// Returns how long due refreshes are left to other replicas.
    pub(super) fn current(&self, now: Timestamp) -> Duration {
        let started_at = *lock(&self.0);
        let is_delayed = started_at.is_some_and(|at| (at + DELAYED_FOR).is_ahead(now, DELAYED_FOR));
        if is_delayed { DELAY } else { Duration::ZERO }
    }

    /// Records that this process could not send a refresh token.
    pub(super) fn note_unsendable(&self, now: Timestamp) {
        *lock(&self.0) = Some(now);
    }
}
