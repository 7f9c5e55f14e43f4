//! A sandbox for tests, without a socket and with a manual clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use poem::Endpoint;
use poem::test::{TestClient, TestResponse};
use serde_json::Value;

use crate::app::{self, App, Endpoints};
use crate::options::SandboxOptions;

/// The client secret. Each character but the first must be form-encoded in a Basic header.
pub(crate) const SECRET: &str = "s:+%&/";
/// `sandbox:` and the secret, encoded as RFC 6749 section 2.3.1 demands.
pub(crate) const BASIC: &str = "Basic c2FuZGJveDpzJTNBJTJCJTI1JTI2JTJG";

pub(crate) struct Bench<E> {
    pub(crate) client: TestClient<E>,
    clock: Arc<AtomicU64>,
}

pub(crate) fn options() -> SandboxOptions {
    SandboxOptions {
        client_id: "sandbox".to_owned(),
        client_secret: Some(SECRET.to_owned()),
        ..SandboxOptions::default()
    }
}

pub(crate) fn bench(options: SandboxOptions) -> Bench<impl Endpoint> {
    let clock = Arc::new(AtomicU64::new(0));
    let hands = Arc::clone(&clock);
    let now = move || Duration::from_secs(hands.load(Ordering::Relaxed));
    let endpoints = Endpoints::below("http://sandbox.test");
    let routes = app::routes(App::new(options, endpoints, Arc::new(now), None));
    Bench {
        client: TestClient::new(routes),
        clock,
    }
}

impl<E: Endpoint> Bench<E> {
    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Posts a form as the client.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let request = self.client.post(path).header("authorization", BASIC);
        json(request.form(&form).send().await).await
    }

    pub(crate) async fn get_as(&self, path: &str, access_token: &str) -> (u16, Value) {
        let bearer = format!("Bearer {access_token}");
        let request = self.client.get(path).header("authorization", bearer);
        json(request.send().await).await
    }

    /// Starts a flow. Returns its device code and its user code.
    pub(crate) async fn start(&self) -> (String, String) {
        let (status, body) = self.post("/device_authorization", &[]).await;
        assert_eq!(status, 200, "{body}");
        (text(&body, "device_code"), text(&body, "user_code"))
    }

    pub(crate) async fn poll(&self, device_code: &str) -> (u16, Value) {
        let grant_type = "urn:ietf:params:oauth:grant-type:device_code";
        let form = [("grant_type", grant_type), ("device_code", device_code)];
        self.post("/token", &form).await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        self.post("/token", &form).await
    }
}

pub(crate) async fn json(response: TestResponse) -> (u16, Value) {
    let status = response.0.status().as_u16();
    let body = response.0.into_body().into_string().await;
    let body = body.unwrap_or_else(|error| panic!("no text in the body: {error}"));
    (status, serde_json::from_str(&body).unwrap_or_default())
}

#[track_caller]
pub(crate) fn text(body: &Value, name: &str) -> String {
    let found = body[name].as_str();
    found
        .unwrap_or_else(|| panic!("no {name} in {body}"))
        .to_owned()
}
