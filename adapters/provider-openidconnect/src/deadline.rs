//! One limit for everything that one call of the port does.

use std::time::Duration;

use central_oauth_domain::ports::ProviderError;
use tokio::time::{Instant, timeout_at};

/// The instant by which a call is over. Discovery, fetching keys and the exchange itself share it.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// A call that starts now and may take so long.
    pub(crate) fn after(timeout: Duration) -> Self {
        Self(Instant::now() + timeout)
    }

    /// Half of what is left, for a step that the call can do without.
    pub(crate) fn half(self) -> Self {
        let now = Instant::now();
        Self(now + self.0.saturating_duration_since(now) / 2)
    }

    /// Whether it has passed.
    pub(crate) fn is_over(self) -> bool {
        Instant::now() >= self.0
    }

    /// What `step` gives, if it is done in time.
    pub(crate) async fn bound<T>(self, step: impl Future<Output = T>) -> Result<T, ProviderError> {
        timeout_at(self.0, step)
            .await
            .map_err(|_| ProviderError::Unavailable {
                detail: "no answer in time".to_owned(),
                retry_after: None,
            })
    }
}
