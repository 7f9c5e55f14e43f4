//! The platform of a job: npm's oauth2-mock-server, as `tests/fixtures/workloads/issuer.mjs` starts it.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout};

use super::TIMEOUT;
use crate::support::http;
use crate::support::process::{self, fixtures, modules, within};

/// The platform; it ends with this handle.
pub(crate) struct Platform {
    /// The `iss` of its tokens.
    pub(crate) issuer: String,
    /// The URL at which jobs request tokens.
    pub(crate) request: String,
    /// Another URL of its keys than the one in its metadata.
    pub(crate) keys: String,
    _child: Child,
    // Kept open: a child whose output is closed is killed at its next write.
    _stdout: BufReader<ChildStdout>,
}

impl Platform {
    /// Starts a platform with a key of its own.
    pub(crate) async fn start() -> Self {
        let mut command = process::command("node");
        command
            .arg(fixtures().join("workloads/issuer.mjs"))
            .current_dir(modules("workloads").await)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let read = within(TIMEOUT, "the platform", stdout.read_line(&mut line));
        read.await.unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self {
            issuer: text("issuer"),
            request: text("request"),
            keys: text("keys"),
            _child: child,
            _stdout: stdout,
        }
    }

    /// Returns a fresh token of a job of GitHub Actions, with changed claims.
    pub(crate) async fn token(&self, audience: &str, claims: &Value) -> String {
        let more = [("claims", claims.to_string())];
        self.issue(audience, &more).await
    }

    /// Returns a fresh token, with other parameters of the request.
    pub(crate) async fn issue(&self, audience: &str, more: &[(&str, String)]) -> String {
        let request = http::client().get(&self.request);
        let request = request.query(&[("audience", audience)]).query(more);
        let answer = http::send(request.bearer_auth("of-the-job"))
            .await
            .expect(200);
        answer.str("value").to_owned()
    }

    /// Changes what the platform publishes at the URL of its keys.
    pub(crate) async fn publish(&self, what: &str) {
        let request = http::client().get(&self.keys).query(&[("publish", what)]);
        http::send(request).await.expect(200);
    }

    /// Returns how often the platform's keys were fetched.
    pub(crate) async fn fetches(&self) -> u64 {
        let request = http::client().get(&self.keys).query(&[("count", "1")]);
        http::send(request).await.number("fetches")
    }
}
