//! The service with its trusted workloads, and commands as a job runs them.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use central_oauth_test_sandbox::{Sandbox, SandboxOptions};
use serde_json::Value;
use tokio::process::Command;

use super::TIMEOUT;
use crate::support::http::{self, Answer};
use crate::support::linking::confirm;
use crate::support::process::{self, eventually, within};
use crate::support::service::Service;

/// The service and its provider.
pub(crate) struct World {
    pub(crate) service: Service,
    /// The home of the jobs, in which nothing is stored.
    pub(crate) folder: tempfile::TempDir,
    refused: AtomicU32,
    _sandbox: Sandbox,
}

impl World {
    /// Starts the service with this file of trusted workloads.
    pub(crate) async fn start(workloads: &str) -> Self {
        Self::start_with(workloads, &[]).await
    }

    /// Starts the service with this file of trusted workloads and more settings.
    pub(crate) async fn start_with(workloads: &str, settings: &[(&str, &str)]) -> Self {
        let options = SandboxOptions {
            auto_consent: Some(Duration::ZERO),
            interval: Duration::from_secs(1),
            ..SandboxOptions::default()
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let mut service = Service::prepare_for(&sandbox);
        let file = service.file("workloads.toml");
        std::fs::write(&file, workloads).unwrap();
        let url = service.url("");
        service.set("PROVIDER_NAME", "google");
        service.set("PUBLIC_URL", &url);
        service.set("WORKLOADS", &file.display().to_string());
        service.set("POLL_INTERVAL", "1");
        service.set("TRUSTED_PROXIES", "127.0.0.1/32");
        service.set("LOG_FORMAT", "json");
        for (name, value) in settings {
            service.set(name, value);
        }
        service.be_patient();
        service.run().await;
        Self {
            service,
            folder: tempfile::tempdir().unwrap(),
            refused: AtomicU32::new(0),
            _sandbox: sandbox,
        }
    }

    /// Returns the audience of all tokens.
    pub(crate) fn audience(&self) -> String {
        self.service.url("")
    }

    /// Requests a link code.
    pub(crate) async fn ask(&self, jwt: &str) -> Answer {
        let ask = http::client().post(self.service.url("/v1/link-code"));
        http::send(ask.bearer_auth(jwt)).await
    }

    /// Returns a program as a job runs it: nothing is stored, and the binary is on its path.
    pub(crate) fn job(&self, program: &str) -> Command {
        let mut command = process::command(program);
        let binary = Path::new(env!("CARGO_BIN_EXE_central-oauth"));
        let known = std::env::vars_os().find(|(name, _)| name == "PATH");
        let known = known.map(|(_, path)| path).unwrap_or_default();
        let own = [
            self.folder.path().to_owned(),
            binary.parent().unwrap().to_owned(),
        ];
        let path = own.into_iter().chain(std::env::split_paths(&known));
        command
            .env_clear()
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("HOME", self.folder.path())
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Returns `central-oauth` as a job runs it, with the token of its platform.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.job(env!("CARGO_BIN_EXE_central-oauth"));
        command
            .args(arguments)
            .args(["--workload", "--server", &self.audience()]);
        command
    }

    /// Requests the token of the account to which a JWT gives access.
    pub(crate) async fn token(&self, jwt: &str) -> Answer {
        let request = http::client().get(self.service.url("/v1/token"));
        http::send(request.bearer_auth(jwt)).await
    }

    /// Requests this token from another address.
    pub(crate) async fn token_from(&self, address: Ipv4Addr, jwt: &str) -> Answer {
        let request = http::client().get(self.service.url("/v1/token"));
        let request = request.header("x-forwarded-for", address.to_string());
        http::send(request.bearer_auth(jwt)).await
    }

    /// Returns the rule that a JWT breaks. Each request comes from another network, because one network gets only a few
    /// answers at once.
    pub(crate) async fn refused(&self, jwt: &str) -> String {
        let number = self.refused.fetch_add(1, Ordering::Relaxed);
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 1).to_bits() + number);
        let answer = self.token_from(address, jwt).await.expect(401);
        assert_eq!(answer.str("code"), "workload_refused");
        rule(answer.str("detail"))
    }

    /// Links an account to the workload of a JWT. Returns the id of the account.
    pub(crate) async fn link(&self, jwt: &str) -> String {
        let client = http::client();
        let ask = client.post(self.service.url("/v1/link-code"));
        let started = http::send(ask.bearer_auth(jwt)).await.expect(201);
        assert!(started.json.get("access_key").is_none(), "{}", started.text);
        let code = started.str("link_code");
        confirm(&client, &self.service, code).await;
        let poll = self.service.url(&format!("/v1/poll/{code}"));
        let mut report = Value::Null;
        eventually(TIMEOUT, "the link", async || {
            report = http::send(client.get(&poll).bearer_auth(jwt)).await.json;
            report["status"] == "linked"
        })
        .await;
        let account = report["account"]["id"].as_str();
        account
            .unwrap_or_else(|| panic!("linked, but to which account? {report}"))
            .to_owned()
    }

    /// Returns entries of this kind from the audit log, the oldest first, once there are at least `at_least`.
    pub(crate) async fn audit(&self, kind: &str, at_least: usize) -> Vec<Value> {
        let url = self
            .service
            .url(&format!("/v1/audit?kind={kind}&limit=200"));
        let mut entries = Vec::new();
        eventually(TIMEOUT, "the audit log", async || {
            let request = http::client().get(&url).bearer_auth(Service::ADMIN_KEY);
            let page = http::send(request).await.expect(200);
            entries = page.json["items"].as_array().unwrap().clone();
            entries.len() >= at_least
        })
        .await;
        entries.sort_by_key(|entry| entry["id"].as_str().unwrap().parse::<u64>().unwrap());
        entries
    }
}

/// Returns a file that trusts the nightly jobs of one owner at GitHub Actions, with more lines for the issuer and more
/// claims.
pub(crate) fn github(issuer: &str, lines: &str, claims: &str) -> String {
    format!(
        r#"
[issuer.github]
preset = "github-actions"
issuer = "{issuer}"
{lines}

[workload.nightly]
issuer = "github"
provider = "google"
may = ["link", "token"]
claims = {{ repository_owner_id = "65"{claims} }}
"#
    )
}

/// Returns the time of the platforms, in seconds.
#[expect(
    clippy::disallowed_methods,
    reason = "platforms and the service have the same clock"
)]
pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// Returns the rule that a refusal names.
pub(crate) fn rule(detail: &str) -> String {
    detail.split(':').next().unwrap().to_owned()
}

/// Runs a command, which must succeed. Returns what it printed.
pub(crate) async fn said(mut command: Command) -> String {
    let output = within(TIMEOUT, "a command", command.output())
        .await
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
