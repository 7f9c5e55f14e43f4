//! What the log knows about a request, and the id that its answer carries.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use poem::http::{HeaderName, HeaderValue, Method};
use poem::{Endpoint, PathPattern, Request, Response, Result};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::methods;
use crate::requests::{Answered, Requests};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Runs a request inside a span with its id, tells whoever keeps count, and writes one line about it. All of them name the
/// route's template: paths and queries hold link codes.
pub(crate) async fn trace<E: Endpoint>(
    next: Arc<E>,
    request: Request,
    requests: Arc<dyn Requests>,
) -> Result<Response> {
    let id = request_id(&request);
    let method = request.method().clone();
    let span = span(&id, &method);
    requests.began(&span, request.headers());
    let started = Instant::now();
    let mut response = next.get_response(request).instrument(span.clone()).await;
    let pattern = response.data::<PathPattern>();
    let answered = Answered {
        method: method.as_str(),
        route: pattern.map(|pattern| methods::template(&pattern.0)),
        status: response.status().as_u16(),
        took: started.elapsed(),
    };
    record(&span, &answered);
    requests.answered(&span, &answered);
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

/// At the highest level, so that every line of a request has its id, whatever is logged. What starts with `otel.` is for
/// traces alone; the names are those of OpenTelemetry's semantic conventions.
fn span(id: &str, method: &Method) -> Span {
    tracing::error_span!(
        "request",
        request_id = id,
        otel.kind = "server",
        http.request.method = %known(method),
        http.route = Empty,
        http.response.status_code = Empty,
    )
}

fn record(span: &Span, answered: &Answered<'_>) {
    tracing::debug!(
        parent: span,
        route = answered.route.unwrap_or("none"),
        status = answered.status,
        elapsed_ms = answered.took.as_millis(),
        "answered"
    );
    if let Some(route) = answered.route {
        span.record("http.route", route);
    }
    span.record("http.response.status_code", answered.status);
}

/// The method, unless somebody made it up.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => method.as_str(),
        _ => "_OTHER",
    }
}

/// The id that came with the request, where it is one that we would write to a log; otherwise a new one.
fn request_id(request: &Request) -> String {
    let shown = request.header(REQUEST_ID).filter(|id| is_sane(id));
    shown.map_or_else(new_id, str::to_owned)
}

fn is_sane(id: &str) -> bool {
    let is_harmless = |b: u8| b.is_ascii_alphanumeric() || b"-_.:=".contains(&b);
    (1..=128).contains(&id.len()) && id.bytes().all(is_harmless)
}

/// A number under a hash whose key is new with every process: it need not be a secret, only differ from others.
fn new_id() -> String {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!(
        "{:016x}",
        KEY.hash_one(NEXT.fetch_add(1, Ordering::Relaxed))
    )
}
