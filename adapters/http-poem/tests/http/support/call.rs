//! One request.

use poem::Response;
use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem::test::{TestClient, TestRequestBuilder};
use serde_json::Value;

use super::Answer;

pub(crate) struct Call<'a> {
    method: Method,
    path: String,
    request: TestRequestBuilder<'a, BoxEndpoint<'static, Response>>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        client: &'a TestClient<BoxEndpoint<'static, Response>>,
        method: Method,
        path: &str,
    ) -> Self {
        Self {
            request: client.request(method.clone(), path),
            path: path.to_owned(),
            method,
        }
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self {
            request: self.request.header(name, value),
            ..self
        }
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", &body.to_string())
    }

    pub(crate) fn body(self, content_type: &str, body: &str) -> Self {
        Self {
            request: self.request.body(body.to_owned()),
            ..self
        }
        .header("content-type", content_type)
    }

    /// Sets a body without a content type.
    pub(crate) fn bare_body(self, body: &str) -> Self {
        Self {
            request: self.request.body(body.to_owned()),
            ..self
        }
    }

    pub(crate) async fn send(self) -> Answer {
        let response = self.request.send().await.0;
        let answer = Answer::read(response).await;
        answer.assert_common();
        answer.assert_documented(&self.method, &self.path);
        answer
    }

    /// Sends the request, and asserts that the response is this problem.
    pub(crate) async fn refused(self, status: u16, code: &str) {
        self.send().await.assert_problem(status, code);
    }
}
