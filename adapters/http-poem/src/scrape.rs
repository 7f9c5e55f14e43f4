//! `/metrics`, for a separate listener.

use poem::http::{Method, StatusCode, header};
use poem::{Endpoint, Request, Response, endpoint};

/// Prometheus' text format, version 0.0.4.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves the result of `read` at `/metrics`, and nothing else.
pub fn metrics_app(
    read: impl Fn() -> String + Send + Sync + 'static,
) -> impl Endpoint<Output = Response> + 'static {
    endpoint::make_sync(move |request: Request| {
        if request.uri().path() != "/metrics" {
            return Response::builder().status(StatusCode::NOT_FOUND).finish();
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let refused = Response::builder().status(StatusCode::METHOD_NOT_ALLOWED);
            return refused.header(header::ALLOW, "GET, HEAD").finish();
        }
        Response::builder().content_type(TEXT).body(read())
    })
}
