//! The real binary's log in JSON.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use central_oauth_test_postgres::Cluster;
use central_oauth_test_sandbox::Sandbox;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::http;
use crate::support::linking::link;
use crate::support::process::{eventually, free_port, within};
use crate::support::sandbox;
use crate::support::service::Service;

const TIMEOUT: Duration = Duration::from_secs(60);

async fn service(access_token_ttl: Duration) -> (Sandbox, Service) {
    let sandbox = sandbox::of_alice(access_token_ttl).await;
    let mut service = Service::prepare_for(&sandbox);
    let revocation = &sandbox.endpoints().revocation;
    service.set("PROVIDER_REVOCATION_ENDPOINT", revocation);
    service.set("LOG_FORMAT", "json");
    service.be_patient();
    service.set("METRICS_ADDR", "127.0.0.1:0");
    service.run().await;
    (sandbox, service)
}

fn lines(service: &Service) -> Vec<Value> {
    let logs = service.logs();
    let lines = logs.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .expect("every line is an object")
}

fn messages(lines: &[Value]) -> Vec<&str> {
    let messages = lines.iter().map(|line| line["message"].as_str());
    messages
        .map(|message| message.expect("a message"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn at_info_there_is_every_link_verdict_and_revocation_and_nothing_else() {
    let (sandbox, mut service) = service(Duration::from_secs(3)).await;
    let client = http::client();
    let key = link(&service).await;
    // Tokens last for 3 s: they are refreshed, which is not logged at this level.
    let mut id = String::new();
    eventually(TIMEOUT, "a refresh", async || {
        let account = client.get(service.url("/v1/accounts")).bearer_auth(&key);
        let account = http::send(account).await.expect(200);
        account.json["items"][0]["id"]
            .as_str()
            .unwrap()
            .clone_into(&mut id);
        account.json["items"][0]["last_refreshed_at"].is_string()
    })
    .await;
    let keys = service.url(&format!("/v1/accounts/{id}/keys"));
    let made = client.post(&keys).json(&json!({ "name": "reader" }));
    let made = http::send(made.bearer_auth(&key)).await.expect(201);
    let delete = client.delete(format!("{keys}/{}", made.str("id")));
    http::send(delete.bearer_auth(&key)).await.expect(204);
    let delete = client.delete(service.url(&format!("/v1/accounts/{id}")));
    http::send(delete.bearer_auth(&key)).await.expect(200);
    assert!(service.stop().await.success());
    sandbox.stop().await.unwrap();
    let lines = lines(&service);
    assert_eq!(
        messages(&lines),
        [
            "serving",
            "link code handed out",
            "consent started",
            "account linked",
            "access key handed out",
            "access key deleted",
            "account deleted",
            "revocation ended",
            "stopping",
            "stopped",
        ]
    );
    for line in &lines {
        assert_eq!(line["level"], "INFO", "{line}");
        assert!(
            line["timestamp"].is_string() && line["target"].is_string(),
            "{line}"
        );
    }
    let database = lines[0]["database"].as_str().unwrap_or_default();
    assert!(database.ends_with("/central-oauth.sqlite3"), "{}", lines[0]);
    let scraped = lines[0]["metrics"].as_str().expect("no metrics");
    assert!(scraped.starts_with("127.0.0.1:"), "{}", lines[0]);
    for line in &lines[1..4] {
        assert_eq!(
            (&line["link"], &line["provider"]),
            (&1.into(), &"default".into()),
            "{line}"
        );
    }
    assert_eq!(lines[7]["outcome"], "revoked");
}

/// Creates a key with these limits, with the key of the owner of the only account.
async fn limited(service: &Service, owner: &str, limits: Value) -> String {
    let mut body = json!({"name": "reader"});
    for (name, value) in limits.as_object().unwrap() {
        body[name] = value.clone();
    }
    let make = http::client().post(service.url("/v1/accounts/1/keys"));
    let made = http::send(make.bearer_auth(owner).json(&body)).await;
    made.expect(201).str("access_key").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_refused_keys_does_not_fill_the_log() {
    let (_sandbox, service) = service(Duration::from_secs(3600)).await;
    let owner = link(&service).await;
    let elsewhere = limited(&service, &owner, json!({"networks": ["192.0.2.0/24"]})).await;
    let seldom = limited(&service, &owner, json!({"max_uses_per_minute": 1})).await;
    let before = lines(&service).len();
    for _ in 0..60 {
        let token = http::client().get(service.url("/v1/token"));
        http::send(token.bearer_auth(&seldom)).await;
    }
    let told = messages(&lines(&service))[before..].len();
    assert_eq!(told, 0, "a key that is used too often");
    let mut refused = 0;
    for _ in 0..100 {
        let token = http::client().get(service.url("/v1/token"));
        let answer = http::send(token.bearer_auth(&elsewhere)).await;
        refused += usize::from(answer.status == 401);
    }
    assert!((30..50).contains(&refused), "{refused}");
    let lines = lines(&service);
    let messages = &messages(&lines)[before..];
    let stolen = messages
        .iter()
        .filter(|it| it.contains("may have been stolen"));
    assert_eq!(stolen.count(), refused);
    // The only other message says that there are too many.
    assert_eq!(
        messages.len(),
        2 * refused + messages.iter().filter(|it| it.contains("too many")).count()
    );
    let token = http::client().get(service.url("/v1/token"));
    http::send(token.bearer_auth(&owner)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_ends_is_logged_once() {
    let (sandbox, mut service) = service(Duration::from_secs(3)).await;
    link(&service).await;
    sandbox.stop().await.unwrap();
    eventually(TIMEOUT, "a failure", async || {
        service.logs().contains("not refreshed")
    })
    .await;
    // The service retries the refresh again and again meanwhile.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(service.stop().await.success());
    let lines = lines(&service);
    let verdicts: Vec<_> = lines
        .iter()
        .filter(|line| line["level"] == "WARN")
        .collect();
    let told: Vec<_> = messages(&lines)
        .into_iter()
        .filter(|message| message.starts_with("not refreshed"))
        .collect();
    assert_eq!(told, ["not refreshed"], "{verdicts:?}");
    let verdict = verdicts
        .iter()
        .find(|line| line["message"] == "not refreshed");
    let verdict = verdict.unwrap();
    assert_eq!(verdict["account"], 1);
    assert_eq!(verdict["code"], "provider_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_request_has_its_id() {
    let (_sandbox, mut service) = service(Duration::from_secs(300)).await;
    service.set("LOG", "debug");
    service.restart().await;
    let request = http::client().post(service.url("/v1/link-code"));
    let answer = http::send(request.header("x-request-id", "id-of-a-test")).await;
    assert_eq!(answer.expect(201).header("x-request-id"), "id-of-a-test");
    let key = link(&service).await;
    let refresh = http::client().post(service.url("/v1/accounts/1/refresh"));
    let refresh = refresh.header("x-request-id", "id-of-a-refresh");
    http::send(refresh.bearer_auth(&key)).await.expect(200);
    service.stop().await;
    let lines = lines(&service);
    let of = |id: &str| -> Vec<_> {
        let of = lines.iter().filter(|line| line["request_id"] == id);
        of.map(|line| line["message"].as_str().unwrap()).collect()
    };
    assert_eq!(of("id-of-a-test"), ["link code handed out", "answered"]);
    let refreshed = of("id-of-a-refresh");
    // The request has waited for a refresh, which is logged with the same id.
    for message in ["asked the provider", "refreshed", "answered"] {
        assert!(refreshed.contains(&message), "{message}: {refreshed:?}");
    }
    let answered = lines.iter().filter(|line| line["message"] == "answered");
    for line in answered {
        assert!(line["request_id"].is_string(), "{line}");
        assert!(
            line["method"].is_string() && line["route"].is_string() && line["status"].is_u64(),
            "{line}"
        );
    }
    every_field_is_in_the_document(&lines);
}

/// Checks only our own lines, because libraries have fields of their own.
fn every_field_is_in_the_document(lines: &[Value]) {
    let document = include_str!("../docs/OPERATIONS.md");
    let (_, table) = document.split_once("| field | what |").unwrap();
    let rows = table.lines().skip(2).take_while(|row| row.starts_with('|'));
    let names = rows.filter_map(|row| row.split('|').nth(1));
    let documented: BTreeSet<_> = names
        .flat_map(|names| names.split('`').skip(1).step_by(2))
        .collect();
    for line in lines {
        if line["target"]
            .as_str()
            .unwrap()
            .starts_with("central_oauth")
        {
            let fields = line.as_object().unwrap().keys();
            let unknown: Vec<_> = fields
                .filter(|field| !documented.contains(field.as_str()))
                .collect();
            assert!(unknown.is_empty(), "{unknown:?} in {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_by_itself_names_its_trace() {
    let (sandbox, mut service) = service(Duration::from_secs(3)).await;
    // No collector listens, which affects no line.
    let collector = format!("http://127.0.0.1:{}", free_port());
    service.set_other("OTEL_EXPORTER_OTLP_ENDPOINT", &collector);
    service.set_other("OTEL_PROPAGATORS", "b3");
    // Only the second attempt to revoke runs without a request, and it is logged at DEBUG because it is no news.
    let log = "info,central_oauth_domain::usecases::revoker=debug";
    service.set("LOG", log);
    service.restart().await;
    let key = link(&service).await;
    sandbox.stop().await.unwrap();
    let told = async |message: &str| {
        eventually(TIMEOUT, message, async || service.logs().contains(message)).await;
    };
    told("not refreshed").await;
    let delete = http::client().delete(service.url("/v1/accounts/1"));
    http::send(delete.bearer_auth(&key)).await.expect(200);
    told("not revoked yet, as before").await;
    assert!(service.stop().await.success());
    let lines = lines(&service);
    let unheeded = messages(&lines).into_iter();
    let unheeded = unheeded.filter(|message| message.starts_with("OTEL_PROPAGATORS is ignored"));
    assert_eq!(unheeded.count(), 1);
    for message in [
        "account linked",
        "not refreshed",
        "not revoked yet, as before",
    ] {
        let line = lines.iter().find(|line| line["message"] == message);
        let line = line.unwrap();
        assert!(line["request_id"].is_null(), "{line}");
        let trace = line["trace_id"].as_str().unwrap_or_default();
        assert_eq!(trace.len(), 32, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_a_later_start_is_as_quiet_as_the_first() {
    let database = Cluster::shared().create_database();
    let mut service = Service::prepare(&[
        ("DATABASE_URL", &database.url),
        ("LOG_FORMAT", "json"),
        ("PROVIDER_CLIENT_ID", "any"),
        (
            "PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT",
            "https://provider.test/device",
        ),
        ("PROVIDER_TOKEN_ENDPOINT", "https://provider.test/token"),
    ]);
    service.run().await;
    service.restart().await;
    assert!(service.stop().await.success());
    let lines = lines(&service);
    let life = ["serving", "stopping", "stopped"];
    assert_eq!(messages(&lines), [life, life].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn why_the_service_ended_is_a_line_like_any_other() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut service = Service::prepare(&[("LISTEN_ADDR", &address), ("LOG_FORMAT", "json")]);
    let ended = service.run_to_the_end().await;
    assert_eq!(ended.code(), Some(1));
    let told = lines(&service);
    assert_eq!(messages(&told), ["the service has failed"]);
    assert_eq!(told[0]["level"], "ERROR");
    let error = told[0]["error"].as_str().unwrap();
    assert!(error.contains(&address), "{error}");
    // The plain text format.
    service.set("LOG_FORMAT", "text");
    assert_eq!(service.run_to_the_end().await.code(), Some(1));
    assert!(
        service
            .logs()
            .contains(&format!("central-oauth: {error}\n"))
    );
}

/// Starts a service whose log nobody reads, and makes it log so many lines.
async fn unread(lines: usize) -> (tokio::process::Child, std::io::PipeReader) {
    let service = Service::prepare(&[("LOG", "trace"), ("LOG_FORMAT", "json")]);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = service.command(&["serve"]);
    let child = command.stderr(writer).spawn().unwrap();
    drop(command);
    let (client, health) = (http::client(), service.url("/v1/healthz"));
    eventually(TIMEOUT, "an answer", async || {
        http::try_send(client.get(&health)).await.is_ok()
    })
    .await;
    for _ in 0..lines {
        http::send(client.get(&health)).await.expect(200);
    }
    (child, reader)
}

async fn stops(mut child: tokio::process::Child) {
    let id = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
    let ended = within(TIMEOUT, "the end of the service", child.wait()).await;
    assert_eq!(ended.unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_log_nobody_reads_works_and_stops() {
    let more_than_a_pipe_holds = 1000;
    let (child, _reader) = unread(more_than_a_pipe_holds).await;
    stops(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_the_log_again_learns_how_much_was_dropped() {
    let more_than_wait = 5000;
    let (child, reader) = unread(more_than_wait).await;
    let reading = tokio::task::spawn_blocking(move || {
        let lines = BufReader::new(reader).lines();
        let mut lines = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        lines.find(|line| {
            let message = line["message"].as_str().unwrap();
            message.starts_with("log lines were dropped")
        })
    });
    let told = within(TIMEOUT, "the message", reading).await.unwrap();
    assert!(told.unwrap()["lines"].as_u64().unwrap() > 0);
    // Nobody holds the other end of the pipe any more.
    stops(child).await;
}
