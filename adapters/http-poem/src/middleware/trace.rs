//! Request ids, log lines and spans.

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

/// Runs a request inside a span with its id, reports it to the observer and logs one line. All of them name the route
/// template, because paths and queries contain link codes.
pub(crate) async fn trace<E: Endpoint>(
    next: Arc<E>,
    request: Request,
    requests: Arc<dyn Requests>,
) -> Result<Response> {
    let id = request_id(&request);
    let method = request.method().clone();
    let span = span(&id, &method);
    requests.began(&span, request.headers());
    let underway = Underway {
        span: span.clone(),
        method,
        guessed_route: methods::documented(request.uri().path()),
        requests,
        started: Instant::now(),
        is_over: false,
    };
    let mut response = next.get_response(request).instrument(span).await;
    let pattern = response.data::<PathPattern>();
    let route = pattern.map(|pattern| methods::template(&pattern.0));
    underway.answered(route, response.status().as_u16());
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

/// A request in progress. If the client disconnects, poem drops the request and this guard with it. The guard then
/// reports the request, which was perhaps the slowest.
struct Underway {
    span: Span,
    method: Method,
    /// The route of the document, if the router does not provide one.
    guessed_route: Option<&'static str>,
    requests: Arc<dyn Requests>,
    started: Instant,
    is_over: bool,
}

impl Underway {
    fn answered(mut self, route: Option<&str>, status: u16) {
        self.is_over = true;
        self.tell(route, status);
    }

    fn tell(&self, route: Option<&str>, status: u16) {
        let answered = Answered {
            method: self.method.as_str(),
            route,
            status,
            took: self.started.elapsed(),
        };
        record(&self.span, &self.method, &answered);
        self.requests.answered(&self.span, &answered);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if !self.is_over {
            self.tell(self.guessed_route, Answered::CLIENT_GONE);
        }
    }
}

/// At the highest level, so that every line of a request has its id at any log level. The names with dots are
/// OpenTelemetry's semantic conventions and appear only in traces.
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

fn record(span: &Span, method: &Method, answered: &Answered<'_>) {
    tracing::debug!(
        parent: span,
        method = known(method),
        route = answered.route.unwrap_or("none"),
        status = answered.status,
        elapsed_ms = answered.took.as_millis(),
        "{}",
        if answered.status == Answered::CLIENT_GONE { "client disconnected" } else { "answered" }
    );
    if let Some(route) = answered.route {
        span.record("http.route", route);
    }
    span.record("http.response.status_code", answered.status);
}

/// Returns the method, or `_OTHER` for an invented one.
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

/// Returns the id of the request if it is safe to log, otherwise a new one.
fn request_id(request: &Request) -> String {
    let shown = request.header(REQUEST_ID).filter(|id| is_sane(id));
    shown.map_or_else(new_id, str::to_owned)
}

fn is_sane(id: &str) -> bool {
    let is_harmless = |b: u8| b.is_ascii_alphanumeric() || b"-_.:=".contains(&b);
    (1..=128).contains(&id.len()) && id.bytes().all(is_harmless)
}

/// A hash of a counter with a random key per process: it need not be secret, only unique.
fn new_id() -> String {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!(
        "{:016x}",
        KEY.hash_one(NEXT.fetch_add(1, Ordering::Relaxed))
    )
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Mutex;
    use std::time::Duration;

    use poem::endpoint::make;
    use tokio::time::timeout;

    use super::*;

    #[derive(Default)]
    struct Told(Mutex<Vec<(Option<String>, u16)>>);

    impl Requests for Told {
        fn answered(&self, _: &Span, answered: &Answered<'_>) {
            let route = answered.route.map(str::to_owned);
            self.0.lock().unwrap().push((route, answered.status));
        }
    }

    async fn asked(path: &str, told: &Arc<Told>) {
        let never = make(|_| pending::<Result<Response>>());
        let request = Request::builder().uri(path.parse().unwrap()).finish();
        let answer = trace(
            Arc::new(never),
            request,
            Arc::clone(told) as Arc<dyn Requests>,
        );
        let gone = timeout(Duration::from_millis(10), answer).await;
        assert!(gone.is_err());
    }

    #[tokio::test]
    async fn a_disconnected_client_is_reported_once() {
        let told = Arc::new(Told::default());
        asked("/v1/token?min_ttl=60", &told).await;
        asked("/made-up", &told).await;
        let expected = [(Some("/v1/token".to_owned()), 499), (None, 499)];
        assert_eq!(*told.0.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn an_answered_request_is_reported_once() {
        let told = Arc::new(Told::default());
        let app = make(async |_| Ok::<_, poem::Error>(Response::default()));
        let answer = trace(Arc::new(app), Request::default(), Arc::clone(&told) as _).await;
        assert!(answer.is_ok());
        assert_eq!(*told.0.lock().unwrap(), [(None, 200)]);
    }
}
