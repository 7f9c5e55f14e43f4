//! Webhooks of the real binary, verified by the receivers' own library.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use central_oauth_test_sandbox::{AutoPerson, Illness, Sandbox, SandboxOptions};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Child;

use crate::support::http;
use crate::support::linking::link;
use crate::support::process::{self, eventually, fixtures, free_port, modules};
use crate::support::service::Service;

const TIMEOUT: Duration = Duration::from_secs(60);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The `sub` of the first person who consents.
const PERSON: &str = "sandbox-person-0001";
/// Replaces [`SECRET`] when the secret is rotated.
const NEW_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

/// A receiver that can be down.
struct Receiver {
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl Receiver {
    fn new() -> Self {
        Self {
            port: free_port(),
            folder: tempfile::tempdir().expect("no folder"),
            child: None,
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("requests")
    }

    /// Answers with this status from now on.
    async fn answer(&mut self, secret: &str, status: &str) {
        self.be_down().await;
        let mut command = process::command("node");
        command
            .arg(fixtures().join("workloads/receiver.mjs"))
            .args([&self.port.to_string(), secret, status])
            .current_dir(modules("workloads").await)
            .stdout(Stdio::from(process::log_file(&self.log())))
            .stderr(Stdio::from(process::log_file(&self.log())));
        self.child = Some(command.spawn().expect("node does not start"));
    }

    async fn be_down(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("the receiver does not end");
        }
    }

    /// Returns the requests that the receiver has got so far.
    fn requests(&self) -> Vec<Value> {
        let log = process::read_log(&self.log());
        let lines = log.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .collect()
    }

    async fn wait_for(&self, count: usize) -> Vec<Value> {
        let has_come = async || self.requests().len() >= count;
        eventually(TIMEOUT, "the event arrives", has_come).await;
        self.requests()
    }
}

async fn sandbox() -> Sandbox {
    let options = SandboxOptions {
        auto_consent: Some(Duration::ZERO),
        auto_person: AutoPerson::SomebodyNew,
        interval: Duration::from_secs(1),
        access_token_ttl: Duration::from_secs(4),
        ..SandboxOptions::default()
    };
    Sandbox::start(options).await.expect("no sandbox")
}

fn service(sandbox: &Sandbox, receiver: &Receiver, secrets: &str) -> Service {
    let mut service = Service::prepare_for(sandbox);
    service.be_patient();
    let file = service.file("webhooks.toml");
    let port = receiver.port;
    let table =
        format!("[receiver.ops]\nurl = \"http://127.0.0.1:{port}/hook\"\nsecret = \"{secrets}\"\n");
    std::fs::write(&file, table).expect("cannot write the file");
    service.set("WEBHOOKS", &file.display().to_string());
    service
}

fn kinds(requests: &[Value]) -> Vec<&str> {
    let kinds = requests.iter().map(|one| one["event"]["type"].as_str());
    kinds.map(|kind| kind.expect("not verified")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_hears_what_happens_to_an_account() {
    let sandbox = sandbox().await;
    let mut receiver = Receiver::new();
    let mut service = service(&sandbox, &receiver, SECRET);
    receiver.answer(SECRET, "204").await;
    service.run().await;
    link(&service).await;
    let linked = receiver.wait_for(1).await.remove(0);
    let data = &linked["event"]["data"];
    assert_eq!(linked["event"]["type"], "link.linked");
    assert_eq!(data["account"], "1");
    assert!(data["provider"].is_string() && data.get("error").is_none());
    sandbox.faults().fall_ill(PERSON, Illness::ServerError);
    let requests = receiver.wait_for(2).await;
    assert_eq!(kinds(&requests)[1], "account.degraded");
    assert!(requests[1]["event"]["data"]["error"].is_string());
    sandbox.faults().recover(PERSON);
    let requests = receiver.wait_for(3).await;
    assert_eq!(kinds(&requests)[2], "account.recovered");
    let delete = http::client().delete(service.url("/v1/accounts/1"));
    let delete = http::send(delete.bearer_auth(Service::ADMIN_KEY));
    delete.await.expect(200);
    let requests = receiver.wait_for(4).await;
    assert_eq!(kinds(&requests)[3], "account.deleted");
    assert!(service.stop().await.success());
    assert!(!service.logs().contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_and_a_service_that_is_killed_lose_nothing() {
    let sandbox = sandbox().await;
    let mut receiver = Receiver::new();
    let mut service = service(&sandbox, &receiver, &format!("{SECRET} {NEW_SECRET}"));
    service.run().await;
    link(&service).await;
    let is_noticed = async || service.logs().contains("webhook not delivered");
    eventually(TIMEOUT, "the failure is logged", is_noticed).await;
    receiver.answer(SECRET, "503").await;
    let refused = receiver.wait_for(1).await.remove(0);
    service.kill().await;
    // The receiver now knows only the new secret.
    receiver.answer(NEW_SECRET, "200").await;
    service.run().await;
    let requests = receiver.wait_for(2).await;
    let accepted = requests.last().expect("no request");
    assert_eq!(accepted["event"]["type"], "link.linked");
    assert_eq!(accepted["id"], refused["id"], "the same id at each attempt");
    let is_noticed = async || service.logs().contains("accepts webhooks again");
    eventually(TIMEOUT, "the recovery is logged", is_noticed).await;
    assert!(service.stop().await.success());
}
