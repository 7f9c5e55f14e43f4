//! A job with nothing stored, from its platform's JWT to a token: the real binary, npm's oauth2-mock-server as the platform,
//! and OAuth clients that nobody here wrote.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Stdio;
use std::time::Duration;

use central_oauth_sandbox_poem::{Sandbox, SandboxOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use support::http;
use support::linking::confirm;
use support::process::{self, fixtures, modules, within};
use support::service::Service;

const PATIENCE: Duration = Duration::from_secs(60);

/// The platform; it ends with this handle.
struct Platform {
    issuer: String,
    request: String,
    _child: Child,
    // A child whose output nobody holds is killed by its next word.
    _stdout: BufReader<ChildStdout>,
}

impl Platform {
    async fn start() -> Self {
        let mut command = process::command("node");
        command
            .arg(fixtures().join("workloads/issuer.mjs"))
            .current_dir(modules("workloads").await)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let read = within(PATIENCE, "the platform", stdout.read_line(&mut line));
        read.await.unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        Self {
            issuer: ready["issuer"].as_str().unwrap().to_owned(),
            request: ready["request"].as_str().unwrap().to_owned(),
            _child: child,
            _stdout: stdout,
        }
    }

    /// A fresh token with changed claims.
    async fn token(&self, audience: &str, claims: &Value) -> String {
        let query = [("audience", audience), ("claims", &claims.to_string())];
        let request = http::client().get(&self.request).query(&query);
        let answer = http::send(request.bearer_auth("of-the-job"))
            .await
            .expect(200);
        answer.str("value").to_owned()
    }
}

struct World {
    platform: Platform,
    service: Service,
    _sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let platform = Platform::start().await;
        let options = SandboxOptions {
            auto_consent: Some(Duration::ZERO),
            interval: Duration::from_secs(1),
            ..SandboxOptions::default()
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut service = Service::prepare_for(&sandbox);
        let file = folder.path().join("workloads.toml");
        std::fs::write(&file, workloads(&platform.issuer)).unwrap();
        let url = service.url("");
        service.set("PUBLIC_URL", &url);
        service.set("WORKLOADS", &file.display().to_string());
        service.set("POLL_INTERVAL", "1");
        service.set("LOG_FORMAT", "json");
        service.be_patient();
        service.run().await;
        Self {
            platform,
            service,
            _sandbox: sandbox,
            folder,
        }
    }

    async fn job(&self, claims: &Value) -> String {
        self.platform.token(&self.service.url(""), claims).await
    }

    /// A command as a job runs it: nothing is stored, and the platform is in its environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = process::command(env!("CARGO_BIN_EXE_central-oauth"));
        let path = std::env::vars_os().find(|(name, _)| name == "PATH");
        command
            .args(arguments)
            .args(["--workload", "--server", &self.service.url("")])
            .env_clear()
            .envs(path)
            .env("HOME", self.folder.path())
            .env("ACTIONS_ID_TOKEN_REQUEST_URL", &self.platform.request)
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    async fn run(&self, arguments: &[&str]) -> String {
        said(self.command(arguments)).await
    }

    async fn refused(&self, token: &str) -> String {
        let request = http::client().get(self.service.url("/v1/token"));
        let answer = http::send(request.bearer_auth(token)).await.expect(401);
        assert_eq!(answer.str("code"), "workload_refused");
        let detail = answer.str("detail");
        detail.split(':').next().unwrap().to_owned()
    }
}

fn workloads(issuer: &str) -> String {
    format!(
        r#"
[issuer.github]
preset = "github-actions"
issuer = "{issuer}"

[workload.nightly]
issuer = "github"
provider = "default"
may = ["link", "token"]
claims = {{ repository_owner_id = "65", ref = "refs/heads/main" }}
"#
    )
}

/// Runs a command to its good end; what it printed.
async fn said(mut command: Command) -> String {
    let output = within(PATIENCE, "a command", command.output())
        .await
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_nothing_stored_links_an_account_and_gets_its_token() {
    let world = World::start().await;
    let mut linking = world
        .command(&["link", "--json", "--no-browser"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(linking.stdout.take().unwrap()).lines();
    let line = within(PATIENCE, "a code", lines.next_line()).await.unwrap();
    let code: Value = serde_json::from_str(&line.unwrap()).unwrap();
    let code = code["link_code"].as_str().unwrap().to_owned();
    confirm(&http::client(), &world.service, &code).await;
    let ended = within(PATIENCE, "the link", linking.wait()).await.unwrap();
    assert!(ended.success());
    assert!(
        std::fs::read_dir(world.folder.path().join(".config")).is_err(),
        "nothing is stored"
    );

    let token = world.run(&["token"]).await;
    assert!(!token.is_empty());
    let job = world.job(&json!({})).await;
    for kind in ["jwt", "id_token"] {
        let mut client = process::command("node");
        client
            .arg(fixtures().join("workloads/exchange.mjs"))
            .args([&world.service.url(""), &job, kind])
            .current_dir(modules("workloads").await);
        let exchanged: Value = serde_json::from_str(&said(client).await).unwrap();
        assert_eq!(exchanged["access_token"], token, "openid-client");
    }
    let request = http::client().get(world.service.url("/v1/token"));
    let account = http::send(request.bearer_auth(&job)).await.expect(200);
    let file = world.folder.path().join("token.jwt");
    std::fs::write(&file, &job).unwrap();
    let python = modules("exchange").await.join("bin/python");
    let mut client = process::command(python);
    client
        .arg(fixtures().join("exchange/exchange.py"))
        .arg(world.service.url(""))
        .arg(&file)
        .env("ACCOUNT", account.json["account"]["id"].as_str().unwrap());
    let both: Value = serde_json::from_str(&said(client).await).unwrap();
    assert_eq!(both, json!([token, token]), "google-auth and Authlib");

    for (claims, rule) in [
        (
            json!({"repository_id": "75", "repository": "octo-org/fork"}),
            "not_linked",
        ),
        (json!({"repository_owner_id": "66"}), "policy"),
        (json!({"ref": "refs/heads/other"}), "policy"),
        (json!({"event_name": "pull_request"}), "pull_request"),
        (json!({"repository_id": null}), "immutable_claim"),
        (json!({"exp": 1}), "expired"),
        (json!({"aud": "https://github.com/octo-org"}), "audience"),
    ] {
        let refused = world.refused(&world.job(&claims).await).await;
        assert_eq!(refused, rule, "{claims}");
    }
    let other = Platform::start().await;
    let (audience, claims) = (world.service.url(""), json!({"iss": world.platform.issuer}));
    let theirs = other.token(&audience, &claims).await;
    let refused = world.refused(&theirs).await;
    assert!(
        ["unknown_key", "signature"].contains(&&*refused),
        "{refused}"
    );

    let logs = world.service.logs();
    for word in [
        "workload accepted",
        "workload refused",
        "octo-org/octo-repo",
        "30433642",
        "not_linked",
    ] {
        assert!(logs.contains(word), "{word}");
    }
    assert!(!logs.contains(&job) && !logs.contains(job.rsplit('.').next().unwrap()));
}
