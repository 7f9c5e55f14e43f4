//! After the store has been away.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::lock;

/// How long nothing is claimed once the store answers again. Leases lapsed while it was away, but whoever held them may have
/// answers that it has not taken yet: they are saved first, by this process or by another one.
const HOLD_BACK: Duration = Duration::from_secs(3);

/// Whether claiming has to wait.
#[derive(Default)]
pub(super) struct Recovery(Mutex<Option<Instant>>);

impl Recovery {
    /// The store has failed.
    pub(super) fn failed(&self) {
        *lock(&self.0) = Some(Instant::now() + HOLD_BACK);
    }

    /// How long nothing may be claimed yet.
    pub(super) fn pause(&self) -> Option<Duration> {
        let until = (*lock(&self.0))?;
        let pause = until.saturating_duration_since(Instant::now());
        (!pause.is_zero()).then_some(pause)
    }
}
