//! Responses until the service can open its database.

use poem::endpoint::{Endpoint, make_sync};
use poem::http::StatusCode;
use poem::{IntoResponse, Request, Response};
use poem_openapi::types::ToJSON as _;
use std::time::Duration;

use crate::dto::Liveness;
use crate::error::{Code, Problem, translate};

/// `Retry-After` of the responses.
const SOON: Duration = Duration::from_secs(5);

/// Returns an endpoint that reports the process as alive, and rejects all other requests as not ready. Anyone can read
/// `why`.
pub fn waiting_app(why: &'static str) -> impl Endpoint<Output = Response> + 'static {
    make_sync(move |request: Request| {
        if request.uri().path() == "/v1/healthz" {
            return Response::builder()
                .status(StatusCode::OK)
                .content_type("application/json; charset=utf-8")
                .body(Liveness::new().to_json_string());
        }
        let problem = Problem::new(Code::NotReady, why).retry_after(SOON);
        let mut response = problem.into_response();
        translate(request.uri().path(), &mut response);
        response
    })
}

#[cfg(test)]
mod tests {
    use poem::test::TestClient;

    use super::*;

    #[tokio::test]
    async fn clients_of_oauth_get_an_error_of_oauth() {
        let client = TestClient::new(waiting_app("the key is not here yet"));
        let problem = client.get("/v1/token").send().await;
        problem.assert_status(StatusCode::SERVICE_UNAVAILABLE);
        problem.assert_content_type("application/problem+json");
        let error = client.post("/oauth/token").send().await;
        error.assert_status(StatusCode::SERVICE_UNAVAILABLE);
        error.assert_header("retry-after", "5");
        let body = error.0.into_body().into_string().await.unwrap();
        assert!(
            body.contains(r#""error":"temporarily_unavailable""#),
            "{body}"
        );
    }
}
