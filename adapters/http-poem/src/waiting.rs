//! What the service answers before it can open its database.

use poem::endpoint::{Endpoint, make_sync};
use poem::http::StatusCode;
use poem::{IntoResponse, Request, Response};
use poem_openapi::types::ToJSON as _;
use std::time::Duration;

use crate::dto::Liveness;
use crate::error::{Code, Problem};

/// Clients are asked to retry after this time.
const SOON: Duration = Duration::from_secs(5);

/// Answers every request: the process is alive but not ready. `why` is public.
pub fn waiting_app(why: &'static str) -> impl Endpoint<Output = Response> + 'static {
    make_sync(move |request: Request| {
        if request.uri().path() == "/v1/healthz" {
            return Response::builder()
                .status(StatusCode::OK)
                .content_type("application/json; charset=utf-8")
                .body(Liveness::new().to_json_string());
        }
        Problem::new(Code::NotReady, why)
            .retry_after(SOON)
            .into_response()
    })
}
