//! Request ids, log lines and spans.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use poem::{PathPattern, Request, Response};
use tokio::time::Instant;
use tracing::{Level, Span};

use super::methods;
use crate::requests::{Answered, Requests};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request in progress. It has a span with its id, is reported to the observer, and logs one line. The report and the
/// log line contain the route template instead of the path, because paths and queries contain link codes.
///
/// If the client disconnects, the server drops this guard together with the request. The guard then reports the
/// request, because the client may have given up on a slow response.
pub(super) struct RequestInProgress<'a> {
    id: HeaderValue,
    /// The span, if the observer or the log needs it.
    span: Option<Span>,
    method: Method,
    uri: Uri,
    requests: Option<&'a Arc<dyn Requests>>,
    started: Instant,
    is_over: bool,
}

impl<'a> RequestInProgress<'a> {
    /// Gives the request its id. Returns the guard, and the span in which the request is processed.
    pub(super) fn begin(
        request: &mut Request,
        requests: Option<&'a Arc<dyn Requests>>,
    ) -> (Self, Span) {
        let id = request_id(request.headers());
        let method = request.method().clone();
        let span = span(id.to_str().unwrap_or_default(), &method);
        if let Some(requests) = requests {
            requests.began(&span, request.headers());
        }
        request.headers_mut().insert(REQUEST_ID, id.clone());
        let is_watched = requests.is_some() || tracing::enabled!(Level::DEBUG);
        let in_progress = Self {
            id,
            span: is_watched.then(|| span.clone()),
            method,
            uri: request.uri().clone(),
            requests,
            started: Instant::now(),
            is_over: false,
        };
        (in_progress, span)
    }

    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    /// Reports the response, and adds the request id to it.
    pub(super) fn answered(mut self, response: &mut Response) {
        self.is_over = true;
        self.report(response.status().as_u16(), || {
            let pattern = response.data::<PathPattern>();
            pattern.map(|pattern| methods::template(&pattern.0))
        });
        response.headers_mut().insert(REQUEST_ID, self.id.clone());
    }

    /// Reports the end of the request. Looks up the route only if the observer or the log needs it.
    fn report<'r>(&self, status: u16, route: impl FnOnce() -> Option<&'r str>) {
        let Some(span) = &self.span else {
            return;
        };
        let answered = Answered {
            method: known(&self.method),
            route: route(),
            status,
            took: self.started.elapsed(),
        };
        log(span, &answered);
        if let Some(requests) = self.requests {
            requests.answered(span, &answered);
        }
    }
}

impl Drop for RequestInProgress<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            // The router has not reported its pattern, so this uses the path in the OpenAPI document.
            self.report(Answered::CLIENT_GONE, || {
                let path = methods::documented(self.path());
                path.map(|path| path.path.as_str())
            });
        }
    }
}

/// Returns the id of a request, for the log and the response.
pub(crate) fn id_of(request: &Request) -> &str {
    request.header(REQUEST_ID).unwrap_or_default()
}

/// Creates the span at the level `ERROR`, so that every log line of the request has the id at any log level. The names
/// with dots are OpenTelemetry's semantic conventions and appear only in traces.
fn span(id: &str, method: &Method) -> Span {
    tracing::error_span!(
        "request",
        request_id = id,
        otel.kind = "server",
        http.request.method = known(method),
    )
}

fn log(span: &Span, answered: &Answered<'_>) {
    tracing::debug!(
        parent: span,
        method = answered.method,
        route = answered.route.unwrap_or("none"),
        status = answered.status,
        elapsed_ms = answered.took.as_millis(),
        "{}",
        if answered.status == Answered::CLIENT_GONE { "client disconnected" } else { "answered" }
    );
}

/// Returns the method, or `_OTHER` for an unknown one.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let known = KNOWN.into_iter().find(|known| method == known);
    known.unwrap_or("_OTHER")
}

/// Returns the id that the client sent, if it is safe to log, or else a new id.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sent = headers.get(REQUEST_ID);
    sent.filter(|id| is_sane(id.as_bytes()))
        .cloned()
        .unwrap_or_else(new_id)
}

fn is_sane(id: &[u8]) -> bool {
    let is_harmless = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:=".contains(b);
    (1..=128).contains(&id.len()) && id.iter().all(is_harmless)
}

/// Returns a new id: a hash of a counter, with a random key per process. Ids must be unique, but need not be secret.
fn new_id() -> HeaderValue {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let hash = KEY.hash_one(NEXT.fetch_add(1, Ordering::Relaxed));
    // Hexadecimal digits are a valid header, so the fallback is never used.
    HeaderValue::try_from(format!("{hash:016x}")).unwrap_or_else(|_| hash.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct RecordedRequests(Mutex<Vec<(Option<String>, u16)>>);

    impl Requests for RecordedRequests {
        fn answered(&self, _: &Span, answered: &Answered<'_>) {
            let route = answered.route.map(str::to_owned);
            self.0.lock().unwrap().push((route, answered.status));
        }
    }

    fn recorded(path: &str, end: impl FnOnce(RequestInProgress<'_>)) -> Vec<(Option<String>, u16)> {
        let recorded = Arc::new(RecordedRequests::default());
        let requests: Arc<dyn Requests> = Arc::clone(&recorded) as _;
        let mut request = Request::builder().uri(path.parse().unwrap()).finish();
        end(RequestInProgress::begin(&mut request, Some(&requests)).0);
        recorded.0.lock().unwrap().clone()
    }

    #[test]
    fn a_disconnected_client_is_reported_once() {
        let expected = [(Some("/v1/token".to_owned()), 499)];
        let gone = |in_progress: RequestInProgress<'_>| drop(in_progress);
        assert_eq!(recorded("/v1/token?min_ttl=60", gone), expected);
        assert_eq!(recorded("/made-up", gone), [(None, 499)]);
    }

    #[test]
    fn invented_methods_have_one_name() {
        assert_eq!(known(&Method::PATCH), "PATCH");
        assert_eq!(known(&Method::from_bytes(b"BREW").unwrap()), "_OTHER");
    }

    #[test]
    fn an_answered_request_is_reported_once() {
        let answered =
            |in_progress: RequestInProgress<'_>| in_progress.answered(&mut Response::default());
        assert_eq!(recorded("/", answered), [(None, 200)]);
    }
}
