//! Looking for what is due.

use std::error::Error;
use std::time::Duration;

use central_oauth_domain::ports::StoreError;

use super::{LONGEST_IDLE, STORE_PAUSE};

/// What is due and claimed, and how long nothing more is due then. Only what is due is worth a write transaction, so it
/// is looked first.
pub(super) async fn due<T>(
    what: &str,
    idle: impl Future<Output = Result<Option<Duration>, StoreError>>,
    claim: impl Future<Output = Result<Vec<T>, StoreError>>,
) -> (Vec<T>, Duration) {
    let claimed = match idle.await {
        Ok(Some(Duration::ZERO)) => claim.await,
        Ok(idle) => return (Vec::new(), idle.unwrap_or(LONGEST_IDLE)),
        Err(error) => Err(error),
    };
    match claimed {
        Ok(claimed) => (claimed, Duration::ZERO),
        Err(error) => {
            let error = &error as &dyn Error;
            tracing::error!(what, error, "what is due could not be read");
            (Vec::new(), STORE_PAUSE)
        }
    }
}
