//! How long an answer may take.

use std::sync::Arc;
use std::time::Duration;

use poem::{Endpoint, Request, Result};
use tokio::time::timeout;

use crate::error::Problem;

/// No caller waits longer. A refresh or a revocation that one has waited for goes on without it.
const LONGEST: Duration = Duration::from_secs(15);

/// Answers in time, come what may: each step of a request has a bound of its own, and their sum may be more than anybody
/// waits for.
pub(crate) async fn hurry<E: Endpoint>(next: Arc<E>, request: Request) -> Result<E::Output> {
    match timeout(LONGEST, next.call(request)).await {
        Ok(answer) => answer,
        Err(_) => {
            tracing::warn!("a request was not answered in time");
            Err(Problem::too_slow().into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use poem::http::{StatusCode, header};
    use poem::{EndpointExt as _, handler};

    use super::*;

    #[handler]
    async fn hangs() -> &'static str {
        pending().await
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_a_store_that_hangs_gets_an_answer() {
        let app = hangs.around(hurry);
        let answer = app.get_response(Request::default()).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key(header::RETRY_AFTER));
    }
}
