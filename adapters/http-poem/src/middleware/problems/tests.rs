use poem::endpoint::ToDynEndpoint;
use poem::test::{TestClient, TestResponse};
use poem::{Request, Result, Route, get, handler};

use super::*;
use crate::middleware::Shell;

#[handler]
fn panics() -> &'static str {
    panic!("a bug in a test")
}

#[handler]
fn breaks() -> Result<&'static str> {
    let cause = std::io::Error::other("the secret of the machine room");
    Err(poem::error::InternalServerError(cause))
}

#[handler]
fn refuses(Status(status): Status) -> Result<&'static str> {
    Err(Error::from_status(status))
}

struct Status(StatusCode);

impl<'a> poem::FromRequest<'a> for Status {
    async fn from_request(request: &'a Request, _: &mut poem::RequestBody) -> Result<Self> {
        let status = request.raw_path_param("status").unwrap_or_default();
        Ok(Self(status.parse().unwrap()))
    }
}

async fn get_answer(path: &str) -> TestResponse {
    let app = Shell {
        routes: ToDynEndpoint(
            Route::new()
                .at("/panics", get(panics))
                .at("/breaks", get(breaks))
                .at("/refuses/:status", get(refuses)),
        ),
        trusted_proxies: Vec::new(),
        requests: None,
        is_https: false,
    };
    TestClient::new(app).get(path).send().await
}

async fn assert_problem(path: &str, status: u16, code: &str) -> String {
    let response = get_answer(path).await;
    assert_eq!(response.0.status().as_u16(), status, "{path}");
    response.assert_content_type("application/problem+json");
    response.assert_header_exist("x-request-id");
    response.assert_header("x-content-type-options", "nosniff");
    let body = response.0.into_body().into_string().await.unwrap();
    assert!(body.contains(&format!("{code:?}")), "{body}");
    body
}

#[tokio::test]
async fn panics_reveal_no_details() {
    for path in ["/panics", "/breaks"] {
        let body = assert_problem(path, 500, "internal_error").await;
        assert!(!body.contains("bug") && !body.contains("secret"), "{body}");
    }
}

#[tokio::test]
async fn errors_with_nothing_but_a_status_get_a_code() {
    for (theirs, ours, code) in [
        (400, 400, "invalid_request"),
        (401, 401, "unauthorized"),
        (404, 404, "not_found"),
        (413, 413, "payload_too_large"),
        (415, 415, "unsupported_media_type"),
        (422, 422, "unprocessable"),
        (418, 400, "invalid_request"),
        (502, 500, "internal_error"),
    ] {
        assert_problem(&format!("/refuses/{theirs}"), ours, code).await;
    }
}

#[tokio::test]
async fn an_empty_problem_is_valid() {
    assert_problem("/elsewhere", 404, "not_found").await;
}

#[test]
fn a_bound_is_put_into_words() {
    for (theirs, ours) in [
        ("maximum(200, exclusive: false)", "the maximum is 200"),
        ("maxLength(100)", "the maximum is 100 characters"),
    ] {
        let theirs = format!("verification failed. {theirs}");
        assert_eq!(bound(&theirs).as_deref(), Some(ours));
    }
    for other in [
        "verification failed. pattern(\"a(b),c\")",
        "failed to parse \"integer(uint64)\": invalid digit found in string",
    ] {
        assert_eq!(bound(other), None);
    }
}
