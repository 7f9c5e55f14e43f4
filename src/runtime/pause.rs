//! Sleeps until the machine has a given uptime.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::ports::Clock;
use central_oauth_domain::usecases::Pause;
use tokio::time::sleep;

/// Reads the clock again after each sleep, because the clock of tokio stops while the machine is suspended.
pub(crate) struct MachinePause(pub(crate) Arc<dyn Clock>);

#[async_trait]
impl Pause for MachinePause {
    async fn until(&self, uptime: Duration) {
        loop {
            let left = uptime.saturating_sub(self.0.uptime());
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    }
}
