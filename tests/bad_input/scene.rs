//! A service, its provider, and the people and programs around them.

use std::future::Future;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, header};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::sleep;

use super::person::Person;
use super::provider::{Endpoint, Provider};
use super::traces;
use crate::support::http::{self, Answer};
use crate::support::process::within;
use crate::support::service::Service;

pub(super) const CLIENT_ID: &str = "central-oauth-tests";
pub(super) const CLIENT_SECRET: &str = "client-secret-9f8e7d";
pub(super) const CLIENT_NAME: &str = "nightly backup on db1";
/// Time limit for everything in these tests.
pub(super) const TIMEOUT: Duration = Duration::from_secs(90);

pub(super) struct Scene {
    pub(super) service: Service,
    pub(super) provider: Provider,
    pub(super) client: Client,
    secrets: Vec<String>,
}

/// A link in progress.
pub(super) struct Link {
    pub(super) code: String,
    pub(super) key: String,
    pub(super) person: Person,
}

impl Scene {
    /// Starts a provider and a service with these settings.
    pub(super) async fn new(settings: &[(&str, &str)]) -> Self {
        let provider = Provider::start().await;
        let endpoints = Endpoint::ALL.map(|endpoint| provider.url(endpoint.path()));
        let [device_authorization, token, userinfo] = &endpoints;
        let mut all = vec![
            ("PROVIDER_CLIENT_ID", CLIENT_ID),
            ("PROVIDER_CLIENT_SECRET", CLIENT_SECRET),
            ("PROVIDER_SCOPES", "read write"),
            (
                "PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT",
                device_authorization,
            ),
            ("PROVIDER_TOKEN_ENDPOINT", token),
            ("PROVIDER_USERINFO_ENDPOINT", userinfo),
            ("PROVIDER_TIMEOUT", "2"),
            ("POLL_INTERVAL", "1"),
            // No log level may show a secret, so the most verbose one is searched.
            ("LOG", "trace"),
        ];
        all.extend_from_slice(settings);
        let client = http::client();
        let secrets = vec![
            CLIENT_SECRET.to_owned(),
            basic_credentials(&client),
            Service::SECRET_KEY.to_owned(),
        ];
        Self {
            service: Service::start(&all).await,
            provider,
            client,
            secrets,
        }
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.service.url(path))
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// Adds a secret that must not be found afterwards.
    pub(super) fn hide(&mut self, secret: &str) {
        self.secrets.push(secret.to_owned());
    }

    /// Returns all secrets that must not be found.
    pub(super) fn all_secrets(&self) -> Vec<String> {
        let mut secrets = self.provider.secrets();
        secrets.extend(self.secrets.clone());
        secrets
    }

    /// Requests a link code, as a program does.
    pub(super) async fn ask_for_code(&mut self, request: RequestBuilder) -> Answer {
        let name = serde_json::json!({ "client_name": CLIENT_NAME });
        let link = http::send(request.json(&name)).await.expect(201);
        let code = link.str("link_code").to_owned();
        self.hide(&format!("{} {}", &code[..4], &code[4..]));
        self.hide(&code);
        if let Some(key) = link.json["access_key"].as_str() {
            self.hide(key);
        }
        link
    }

    /// Requests a link code, and opens the page as a person.
    pub(super) async fn begin(&mut self) -> Link {
        let request = self.post("/v1/link-code");
        let link = self.ask_for_code(request).await;
        let person = Person::arrive(&self.service).await;
        self.hide(person.cookie_value());
        Link {
            code: link.str("link_code").to_owned(),
            key: link.str("access_key").to_owned(),
            person,
        }
    }

    /// Completes a link.
    pub(super) async fn link(&mut self) -> Link {
        let link = self.begin().await;
        self.provider.consent(true);
        link.person.press("confirm", &link.code).await.expect(303);
        self.wait_for(&link, "linked").await;
        link
    }

    /// Polls a link like its program, at the requested interval.
    pub(super) async fn poll(&self, link: &Link) -> Answer {
        loop {
            let request = self.get(&format!("/v1/poll/{}", link.code));
            let answer = http::send(request.bearer_auth(&link.key)).await;
            if answer.status != 429 {
                return answer.expect(200);
            }
            let wait = answer.header("retry-after").parse().unwrap();
            sleep(Duration::from_secs(wait)).await;
        }
    }

    pub(super) async fn expect_status(&self, link: &Link, status: &str) {
        let answer = self.poll(link).await;
        assert_eq!(answer.str("status"), status, "{}", answer.text);
    }

    /// Polls until the link has this status.
    pub(super) async fn wait_for(&self, link: &Link, status: &str) -> Answer {
        let polls = async {
            loop {
                let answer = self.poll(link).await;
                if answer.str("status") == status {
                    return answer;
                }
                assert!(["pending", "authorizing"].contains(&answer.str("status")));
            }
        };
        within(TIMEOUT, status, polls).await
    }

    /// Returns the service's log, without colours.
    pub(super) fn log(&self) -> String {
        let log = self.service.logs();
        let mut parts = log.split("\u{1b}[");
        let first = parts.next().unwrap_or_default().to_owned();
        let uncoloured = parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest));
        first + &uncoloured.collect::<String>()
    }

    /// Asserts that the service has recovered, that the log contains these texts, and that no secret has leaked.
    pub(super) async fn end(mut self, words: &[&str]) {
        for path in ["/v1/healthz", "/v1/readyz"] {
            http::send(self.get(path)).await.expect(200);
        }
        let log = self.log();
        for words in words {
            assert!(log.contains(words), "{words:?} is not in the log:\n{log}");
        }
        assert!(!log.contains("panicked"), "{log}");
        let (folder, secrets) = (self.service.file(""), self.all_secrets());
        // Searches once while the write-ahead log still has data, and once after the database file has all data.
        traces::expect_none(&folder, &secrets);
        assert!(self.service.stop().await.success());
        traces::expect_none(&folder, &secrets);
    }
}

/// Returns the Basic credentials that the service sends to its provider.
fn basic_credentials(client: &Client) -> String {
    let request = client.get("http://127.0.0.1");
    let request = request.basic_auth(CLIENT_ID, Some(CLIENT_SECRET)).build();
    let header = request.unwrap().headers()[header::AUTHORIZATION].clone();
    header.to_str().unwrap()["Basic ".len()..].to_owned()
}

/// Runs scenes concurrently, because they mostly wait.
pub(super) async fn all(scenes: impl IntoIterator<Item = impl Future<Output = ()> + 'static>) {
    let (stage, mut playing) = (LocalSet::new(), JoinSet::new());
    for scene in scenes {
        playing.spawn_local_on(scene, &stage);
    }
    let played = stage.run_until(async {
        while let Some(played) = playing.join_next().await {
            if let Err(failed) = played {
                std::panic::resume_unwind(failed.into_panic());
            }
        }
    });
    within(5 * TIMEOUT, "all scenes", played).await;
}
