//! Starts the provider's flow, with retries.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::link::LinkCode;
use central_oauth_domain::usecases::{Refusal, Visitor};
use tokio::time::{Instant, sleep, timeout};

use super::visit::Visit;
use crate::middleware::to_its_end;

/// How long a person waits for the provider before the page offers to try again.
const CONSENT_TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);

/// Assigns the link to this browser and starts the provider's flow. The start continues even if the person closes the
/// tab or the page stops waiting. The link's page shows the result.
pub(super) async fn start(visit: &Visit<'_>, code: &LinkCode) -> Result<(), Refusal> {
    let (consents, code) = (Arc::clone(visit.consents()), code.clone());
    let (browser, address) = (visit.browser.clone(), visit.address);
    let start = async move {
        let browser = &browser;
        let visitor = Visitor { browser, address };
        let link = consents.confirm(code.digits(), &visitor).await?;
        let give_up_at = Instant::now() + CONSENT_TIMEOUT;
        loop {
            let pause = match consents.start(&code, &link).await {
                Err(Refusal::ProviderUnavailable { retry_after, .. })
                    if is_worth_waiting(retry_after, give_up_at) =>
                {
                    retry_after.max(PAUSE)
                }
                result => return result,
            };
            sleep(pause).await;
        }
    };
    let started = timeout(CONSENT_TIMEOUT, to_its_end(start)).await;
    started.unwrap_or_else(|_| {
        Err(Refusal::ProviderUnavailable {
            detail: "the provider has not answered yet".to_owned(),
            retry_after: PAUSE,
        })
    })
}

/// Whether a retry after the pause would begin before the timeout.
fn is_worth_waiting(retry_after: Duration, give_up_at: Instant) -> bool {
    retry_after.max(PAUSE) < give_up_at.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_only_until_the_timeout() {
        let now = Instant::now();
        let soon = Duration::from_secs(5);
        assert!(is_worth_waiting(soon, now + CONSENT_TIMEOUT));
        assert!(!is_worth_waiting(soon, now + soon));
        assert!(!is_worth_waiting(Duration::ZERO, now + PAUSE));
        assert!(!is_worth_waiting(
            Duration::from_secs(60),
            now + CONSENT_TIMEOUT
        ));
        assert!(!is_worth_waiting(Duration::MAX, now + CONSENT_TIMEOUT));
    }
}
