//! Adds spans to statements, and response timeouts on a server.

use sea_orm::{DbBackend, DbErr, RuntimeErr};
use tokio::time::{Instant, timeout};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::pool::ResponseTimeout;
use crate::error::kind;

/// Returns a span for a statement, by the semantic conventions of OpenTelemetry. Without a current span, returns a
/// disabled span, so that background queries for due work do not start traces.
pub(super) fn span(backend: DbBackend, operation: &str) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    let system = match backend {
        DbBackend::Postgres => "postgresql",
        _ => "sqlite",
    };
    tracing::debug_span!(
        "store",
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = system,
        db.operation.name = operation,
        error.type = Empty,
    )
}

/// Waits for a response inside a span, and records a failure in it.
pub(super) async fn traced<T>(
    span: Span,
    answer: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    let answer = answer.instrument(span.clone()).await;
    if let Err(error) = &answer {
        span.record("error.type", &*kind(error));
        span.record("otel.status_code", "ERROR");
    }
    answer
}

/// Waits for a response, at most until the timeout. After a timeout, [`give_up`](super::pool::Pool::give_up) may
/// replace the connections of the pool. Except for saves, the timeout is longer than the server's `statement_timeout`.
pub(super) async fn with_timeout<T>(
    response_timeout: Option<&ResponseTimeout>,
    answer: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    let Some(response_timeout) = response_timeout else {
        return answer.await;
    };
    let (pool, generation) = (&response_timeout.pool, response_timeout.generation);
    let asked_at = Instant::now();
    match timeout(response_timeout.limit, answer).await {
        Ok(answer) => pool.answer(generation, asked_at, answer),
        Err(_) => {
            pool.give_up(generation, asked_at);
            let message = format!("no answer within {} s", response_timeout.limit.as_secs());
            Err(DbErr::Conn(RuntimeErr::Internal(message)))
        }
    }
}
