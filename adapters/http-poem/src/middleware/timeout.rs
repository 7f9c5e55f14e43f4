use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use poem::Result;
use tokio::time::timeout;

use crate::error::Problem;

/// Timeout of a request, a little less than the 15 s that callers are promised. A refresh or revocation in progress
/// continues after the timeout.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(14_500);

/// Limits the duration of a request. Each step has its own timeout, but their sum may be too long.
pub(crate) async fn in_time<T>(answer: impl Future<Output = Result<T>>) -> Result<T> {
    let mut answer = pin!(answer);
    // Most responses are ready at once and need no timer.
    let first = poll_fn(|task| Poll::Ready(answer.as_mut().poll(task))).await;
    if let Poll::Ready(answer) = first {
        return answer;
    }
    match timeout(REQUEST_TIMEOUT, answer).await {
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
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_hanging_request_gets_503() {
        let asked_at = Instant::now();
        let answer = in_time(pending::<Result<()>>()).await;
        let answer = answer.unwrap_err().into_response();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key(header::RETRY_AFTER));
        assert!(asked_at.elapsed() < Duration::from_secs(15));
    }
}
