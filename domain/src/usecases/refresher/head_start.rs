//! Gives other replicas a head start after this one could not send a refresh token because of its configuration.

use std::sync::Mutex;
use std::time::Duration;

use crate::lock::lock;
use crate::time::Timestamp;

/// How much later than others this process claims what is due: a replica looks for due work once a second.
const HEAD_START: Duration = Duration::from_secs(1);
/// For how long that lasts.
const GIVEN_FOR: Duration = Duration::from_secs(600);

/// Remembers when this process could not send a refresh token.
#[derive(Default)]
pub(super) struct HeadStart(Mutex<Option<Timestamp>>);

impl HeadStart {
    /// Returns how long due refreshes are left to other replicas.
    pub(super) fn of_others(&self, now: Timestamp) -> Duration {
        let given_at = *lock(&self.0);
        let is_given = given_at.is_some_and(|at| (at + GIVEN_FOR).is_ahead(now, GIVEN_FOR));
        if is_given { HEAD_START } else { Duration::ZERO }
    }

    /// Records that this process could not send a refresh token.
    pub(super) fn give(&self, now: Timestamp) {
        *lock(&self.0) = Some(now);
    }
}
