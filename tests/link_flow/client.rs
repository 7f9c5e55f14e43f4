//! The program that has no browser.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::http::{self, Answer};
use crate::support::oidc::OidcProvider;
use crate::support::process::eventually;
use crate::support::service::Service;

const TIMEOUT: Duration = Duration::from_secs(60);
/// The remaining lifetime, in seconds, that a token must have when a test examines it. It suffices on a very slow
/// machine.
const LEFT: u64 = 3;

/// A program with the link that it requested.
pub(crate) struct Program<'a> {
    http: reqwest::Client,
    link: Answer,
    token_url: String,
    poll_url: String,
    files: [std::path::PathBuf; 3],
    logs: Box<dyn Fn() -> String + 'a>,
}

impl Program<'_> {
    /// Requests a link code under a name.
    pub(crate) async fn ask(service: &Service, client_name: &str) -> Program<'static> {
        let http = http::client();
        let request = http.post(service.url("/v1/link-code"));
        let link = http::send(request.json(&json!({ "client_name": client_name }))).await;
        let link = link.expect(201);
        assert_eq!(link.header("cache-control"), "no-store");
        let poll_url = service.url(&format!("/v1/poll/{}", link.str("link_code")));
        let database = "central-oauth.sqlite3";
        let log = service.file("service.log");
        Program {
            http,
            token_url: service.url("/v1/token"),
            poll_url,
            files: [
                service.file(database),
                service.file(&format!("{database}-wal")),
                log.clone(),
            ],
            logs: Box::new(move || std::fs::read_to_string(&log).unwrap_or_default()),
            link,
        }
    }

    pub(crate) fn link_code(&self) -> &str {
        self.link.str("link_code")
    }

    pub(crate) fn verification_url_complete(&self) -> &str {
        self.link.str("verification_url_complete")
    }

    fn with_key(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(self.link.str("access_key"))
    }

    async fn poll(&self) -> Answer {
        http::send(self.with_key(self.http.get(&self.poll_url))).await
    }

    pub(crate) async fn expect_status(&self, status: &str) {
        assert_eq!(self.poll().await.expect(200).str("status"), status);
    }

    /// Polls at the service's pace until the link has this status.
    pub(crate) async fn wait_for(&self, status: &str) {
        let mut last = Value::Null;
        eventually(TIMEOUT, status, async || {
            tokio::time::sleep(Duration::from_secs(self.link.number("interval"))).await;
            last = self.poll().await.json;
            last["status"] == status
        })
        .await;
    }

    pub(crate) async fn wait_until_linked(&self) -> Value {
        self.wait_for("linked").await;
        tokio::time::sleep(Duration::from_secs(self.link.number("interval"))).await;
        self.poll().await.expect(200).json["account"].clone()
    }

    /// Returns a token with enough remaining lifetime, and waits for the next one if necessary.
    pub(crate) async fn token(&self) -> String {
        let mut token = String::new();
        eventually(TIMEOUT, "a token that lasts", async || {
            let answer = http::send(self.with_key(self.http.get(&self.token_url))).await;
            let answer = answer.expect(200);
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.str("token_type"), "Bearer");
            assert!(answer.number("expires_in") <= 300);
            answer.str("access_token").clone_into(&mut token);
            answer.number("expires_in") >= LEFT
        })
        .await;
        token
    }

    pub(crate) async fn expect_no_token(&self, code: &str) {
        let answer = http::send(self.with_key(self.http.get(&self.token_url))).await;
        assert_eq!(answer.str("code"), code, "{}", answer.text);
    }

    /// Asserts that the provider accepts a token as this person's.
    pub(crate) async fn expect_accepted_by(&self, issuer: &str, token: &str, name: &str) {
        let person = self.userinfo(issuer, token).await.expect(200);
        assert_eq!(person.str("sub"), name);
    }

    /// Sends the access token to the provider's UserInfo endpoint.
    pub(crate) async fn userinfo(&self, issuer: &str, token: &str) -> Answer {
        let discovery = format!("{issuer}/.well-known/openid-configuration");
        let metadata = http::send(self.http.get(discovery)).await.expect(200);
        let request = self.http.get(metadata.str("userinfo_endpoint"));
        http::send(request.bearer_auth(token)).await
    }

    /// Deletes the account.
    pub(crate) async fn delete(&self, service: &Service, account: &Value) -> Answer {
        let id = account["id"].as_str().unwrap_or_default();
        let path = service.url(&format!("/v1/accounts/{id}"));
        http::send(self.with_key(self.http.delete(path))).await
    }

    /// Asserts that neither the database nor its write-ahead log nor the service's log, at its most verbose, contains a
    /// secret.
    pub(crate) async fn expect_nothing_in_the_clear(&self, more: &[&str]) {
        let code = self.link_code();
        let grouped = format!("{} {}", &code[..4], &code[4..]);
        let mut secrets = vec![code, &grouped, self.link.str("access_key")];
        secrets.extend([OidcProvider::CLIENT_SECRET, Service::SECRET_KEY]);
        secrets.extend(more);
        assert!(
            (self.logs)().contains("account linked"),
            "the log is the one that was meant"
        );
        for file in &self.files {
            let bytes = std::fs::read(file).unwrap();
            assert!(!bytes.is_empty(), "{}", file.display());
            for (index, secret) in secrets.iter().enumerate() {
                assert!(secret.len() >= 8);
                let found = bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes());
                assert!(!found, "secret {index} is in {}", file.display());
            }
        }
    }
}
