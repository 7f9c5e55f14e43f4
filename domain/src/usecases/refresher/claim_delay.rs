//! Lets other replicas claim due refreshes first, after the configuration of this replica kept it from sending a
//! refresh token.

use std::sync::Mutex;
use std::time::Duration;

use crate::lock::lock;
use crate::time::Timestamp;

/// How much later than other replicas this process claims due refreshes. Replicas look for due work once a second.
const DELAY: Duration = Duration::from_secs(1);
/// How long the delay applies after a refresh token could not be sent.
const DELAYED_FOR: Duration = Duration::from_secs(600);

/// The time when this process last could not send a refresh token.
#[derive(Default)]
pub(super) struct ClaimDelay(Mutex<Option<Timestamp>>);

impl ClaimDelay {
    /// Returns how long this process leaves due refreshes to other replicas.
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
