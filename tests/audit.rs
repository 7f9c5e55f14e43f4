//! The audit log of the real binary: its content, and the detection of changes.

use std::collections::BTreeSet;
use std::process::Output;
use std::time::Duration;

use central_oauth_test_postgres::Cluster;
use central_oauth_test_sandbox::Sandbox;
use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};

use crate::support::http;
use crate::support::linking::link;
use crate::support::process::{self, eventually};
use crate::support::sandbox;
use crate::support::service::Service;

const TIMEOUT: Duration = Duration::from_secs(60);
/// A bearer that is no key of this service. The log must not contain it.
const STRANGER: &str = "coak_a-bearer-that-is-no-key-of-this-service";

async fn sandbox() -> Sandbox {
    sandbox::of_many(Duration::from_secs(300)).await
}

async fn audit(service: &Service, arguments: &[&str]) -> Output {
    service.output(&[&["audit"], arguments].concat()).await
}

async fn verified(service: &Service, arguments: &[&str]) -> String {
    let output = audit(service, &[&["verify"], arguments].concat()).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("no text")
}

/// Returns why the log is not verified.
async fn broken(service: &Service, arguments: &[&str]) -> String {
    let output = audit(service, &[&["verify"], arguments].concat()).await;
    assert_eq!(output.status.code(), Some(9), "{output:?}");
    String::from_utf8(output.stderr).expect("no text")
}

fn head(verified: &str) -> &str {
    let head = verified
        .lines()
        .find_map(|line| line.strip_prefix("Head: "));
    head.expect("no head")
}

/// Returns all entries, read page by page.
async fn entries(client: &Client, service: &Service, filter: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/audit?limit=7&{filter}{cursor}");
        let page = client
            .get(service.url(&path))
            .bearer_auth(Service::ADMIN_KEY);
        let page = http::send(page).await.expect(200);
        all.extend(page.json["items"].as_array().expect("no items").clone());
        match page.json["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

fn of_kind<'a>(entries: &'a [Value], kind: &str) -> Vec<&'a Value> {
    entries
        .iter()
        .filter(|entry| entry["kind"] == kind)
        .collect()
}

/// Links an account, uses it, creates and deletes a key, and deletes the account. Returns the account's id.
async fn be_busy(client: &Client, service: &Service) -> String {
    let key = link(service).await;
    let token = || client.get(service.url("/v1/token"));
    let token = || token().bearer_auth(&key);
    let account = http::send(token()).await.expect(200).json["account"]["id"].clone();
    let account = account.as_str().expect("no account").to_owned();
    http::send(token()).await.expect(200);
    let stranger = client.get(service.url("/v1/token")).bearer_auth(STRANGER);
    http::send(stranger).await.expect(401);
    let keys = service.url(&format!("/v1/accounts/{account}/keys"));
    let made = client.post(&keys).json(&json!({ "name": "reader" }));
    let made = http::send(made.bearer_auth(&key)).await.expect(201);
    let delete = client.delete(format!("{keys}/{}", made.str("id")));
    http::send(delete.bearer_auth(Service::ADMIN_KEY))
        .await
        .expect(204);
    let delete = client.delete(service.url(&format!("/v1/accounts/{account}")));
    http::send(delete.bearer_auth(&key)).await.expect(200);
    account
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_who_did_what_and_reveals_changes() {
    let sandbox = sandbox().await;
    let mut service = Service::start_for(&sandbox).await;
    let client = http::client();
    let account = be_busy(&client, &service).await;
    let all = entries(&client, &service, "").await;
    let of = |kind| of_kind(&all, kind);
    let kinds = [
        "service.started",
        "link.started",
        "link.confirmed",
        "link.linked",
        "key.created",
        "key.deleted",
        "account.deleted",
    ];
    for kind in kinds {
        assert_eq!(of(kind).len(), 1, "{kind}: {all:#?}");
    }
    assert_eq!(of("key.deleted")[0]["actor"], "admin");
    assert_eq!(of("link.confirmed")[0]["network"], "127.0.0.0/24");
    let started = &of("service.started")[0]["detail"];
    assert_eq!(
        (&started["database"], &started["admin_key"]),
        (&json!("sqlite"), &json!("set"))
    );
    let about = entries(&client, &service, &format!("account={account}")).await;
    assert!(about.len() >= 5 && about.iter().all(|entry| entry["account"] == *account));

    let exported = audit(&service, &["export"]).await;
    let exported = String::from_utf8(exported.stdout).expect("no text");
    assert!(!exported.contains(STRANGER) && !exported.contains('@'));
    let lines: Vec<Value> = exported
        .lines()
        .map(|line| serde_json::from_str(line).expect("no JSON"))
        .collect();
    let (last, exported) = lines.split_last().expect("no lines");
    assert_eq!(last["entries"], exported.len());
    let kept = last["head"].as_str().expect("no head").to_owned();
    assert_eq!(exported[0]["id"], "1");
    let rest = audit(&service, &["export", "--after", "1"]).await;
    let rest = String::from_utf8(rest.stdout).expect("no text");
    let first = rest.lines().next().expect("no lines");
    let first: Value = serde_json::from_str(first).expect("no JSON");
    assert_eq!(first["id"], "2");

    // The service writes more entries, and is stopped.
    be_busy(&client, &service).await;
    assert!(service.stop().await.success());
    let before = verified(&service, &["--head", &kept]).await;
    // Counts are stored after ten minutes, or when the process stops.
    let stopped = audit(&service, &["export"]).await;
    let stopped = String::from_utf8(stopped.stdout).expect("no text");
    let stopped: Vec<Value> = stopped
        .lines()
        .map(|line| serde_json::from_str(line).expect("no JSON"))
        .collect();
    let handed = of_kind(&stopped, "token.handed_out");
    assert_eq!(handed.len(), 2, "{handed:#?}");
    for one in &handed {
        assert_eq!(one["detail"]["count"], "2");
    }
    assert!(handed.iter().any(|one| one["account"] == *account));
    let refused = of_kind(&stopped, "bearer.refused");
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert_eq!(refused[0]["detail"]["count"], "2");
    assert_ne!(head(&before), kept);
    let database = service.file("central-oauth.sqlite3");
    let copy = service.file("copy.sqlite3");
    std::fs::copy(&database, &copy).expect("no copy");
    let changes = [
        "UPDATE audit_log SET actor = 'admin' WHERE id = 3",
        "DELETE FROM audit_log WHERE id = 4",
        "DELETE FROM audit_log WHERE id = (SELECT max(id) FROM audit_log)",
        "DELETE FROM audit_log WHERE id < 3",
        "DELETE FROM audit_ends",
        "UPDATE audit_ends SET head_number = head_number - 1",
    ];
    for sql in changes {
        std::fs::copy(&copy, &database).expect("no copy");
        let mut sqlite = process::command("sqlite3");
        let changed = sqlite.arg(&database).arg(sql).status();
        assert!(changed.await.expect("sqlite3 does not run").success());
        let why = broken(&service, &[]).await;
        assert!(why.contains("changed outside the service"), "{sql}: {why}");
    }
    // The head is newer than the log: an older copy was restored.
    std::fs::copy(&copy, &database).expect("no copy");
    service.run().await;
    be_busy(&client, &service).await;
    assert!(service.stop().await.success());
    let newer = head(&verified(&service, &[]).await).to_owned();
    std::fs::copy(&copy, &database).expect("no copy");
    verified(&service, &[]).await;
    let why = broken(&service, &["--head", &newer]).await;
    assert!(why.contains("does not contain the exported head"), "{why}");
    sandbox.stop().await.expect("the sandbox does not stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_goes_on_under_a_new_secret_key() {
    const NEW_KEY: &str = "ffeeddccbbaa99887766554433221100f0e0d0c0b0a090807060504030201000";
    let sandbox = sandbox().await;
    let mut service = Service::prepare_for(&sandbox);
    service.run().await;
    let client = http::client();
    be_busy(&client, &service).await;
    assert!(service.stop().await.success());
    let before = verified(&service, &[]).await;
    service.set("SECRET_KEY", NEW_KEY);
    service.set("PREVIOUS_SECRET_KEYS", Service::SECRET_KEY);
    assert!(service.output(&["rekey"]).await.status.success());
    service.set("PREVIOUS_SECRET_KEYS", "");
    service.run().await;
    be_busy(&client, &service).await;
    assert!(service.stop().await.success());
    verified(&service, &["--head", head(&before)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_write_one_chain() {
    let sandbox = sandbox().await;
    let database = Cluster::shared().create_database();
    let mut services = Vec::<Service>::new();
    for _ in 0..3 {
        let mut service = Service::patient_for(&sandbox);
        service.set("DATABASE_URL", &database.url);
        service.run().await;
        services.push(service);
    }
    let client = http::client();
    let busy = services.iter().flat_map(|service| [service; 2]);
    let accounts = join_all(busy.map(|service| be_busy(&client, service))).await;
    // The log can be verified while the services run.
    let during = verified(&services[0], &[]).await;
    let accounts: BTreeSet<_> = accounts.into_iter().collect();
    assert_eq!(accounts.len(), 6);
    eventually(TIMEOUT, "the entries of all replicas", async || {
        let all = entries(&client, &services[0], "").await;
        let ids = all
            .iter()
            .map(|entry| entry["id"].as_str().expect("no id").parse::<usize>());
        let ids: Vec<_> = ids.map(|id| id.expect("no number")).collect();
        assert_eq!(ids, (1..=all.len()).collect::<Vec<_>>());
        of_kind(&all, "account.deleted").len() == 6 && of_kind(&all, "service.started").len() == 3
    })
    .await;
    for service in &mut services {
        assert!(service.stop().await.success());
    }
    verified(&services[0], &["--head", head(&during)]).await;
    let all = Cluster::shared().execute(
        &database.name,
        "SELECT count(*) - max(id) FROM audit_log; SELECT count(*) FROM audit_inbox",
    );
    assert_eq!(all.split_whitespace().collect::<Vec<_>>(), ["0", "0"]);
}
