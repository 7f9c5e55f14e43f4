//! Looking for what is due.

use std::error::Error;
use std::time::Duration;

use central_oauth_domain::ports::StoreError;

use super::recovery::Recovery;
use super::{LONGEST_IDLE, STORE_PAUSE};

/// The pause where something is due and cannot be claimed: another process is about to.
const OTHERS_ARE_FASTER: Duration = Duration::from_millis(100);

/// What is due and claimed, and how long nothing more is due then. Only what is due is worth a write transaction, so it
/// is looked first.
pub(super) async fn due<T>(
    what: &str,
    recovery: &Recovery,
    idle: impl Future<Output = Result<Option<Duration>, StoreError>>,
    claim: impl Future<Output = Result<Vec<T>, StoreError>>,
) -> (Vec<T>, Duration) {
    let claimed = match idle.await {
        Ok(Some(Duration::ZERO)) => match recovery.pause() {
            None => claim.await,
            Some(pause) => return (Vec::new(), pause),
        },
        Ok(idle) => return (Vec::new(), idle.unwrap_or(LONGEST_IDLE)),
        Err(error) => Err(error),
    };
    match claimed {
        Ok(claimed) if claimed.is_empty() => (claimed, OTHERS_ARE_FASTER),
        Ok(claimed) => (claimed, Duration::ZERO),
        Err(error) => {
            recovery.failed();
            let error = &error as &dyn Error;
            tracing::error!(what, error, "what is due could not be read");
            (Vec::new(), STORE_PAUSE)
        }
    }
}
