//! Timeout of API requests.

use std::sync::Arc;
use std::time::Duration;

use poem::{Endpoint, Request, Result};
use tokio::time::timeout;

use crate::error::Problem;

/// Callers are promised a response within 15 s, so it leaves a little earlier. A refresh or revocation in progress continues
/// without the caller.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(14_500);

/// Responds in time whatever happens: each step has its own timeout, but their sum may be too long.
pub(crate) async fn request_timeout<E: Endpoint>(
    next: Arc<E>,
    request: Request,
) -> Result<E::Output> {
    match timeout(REQUEST_TIMEOUT, next.call(request)).await {
        Ok(answer) => answer,
        Err(_) => {
            tracing::warn!("request timed out; answered with 503");
            Err(Problem::too_slow().into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use poem::http::{StatusCode, header};
    use poem::{EndpointExt as _, handler};
    use tokio::time::Instant;

    use super::*;

    #[handler]
    async fn hangs() -> &'static str {
        pending().await
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_request_gets_503() {
        let app = hangs.around(request_timeout);
        let asked_at = Instant::now();
        let answer = app.get_response(Request::default()).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key(header::RETRY_AFTER));
        assert!(asked_at.elapsed() < Duration::from_secs(15));
    }
}
