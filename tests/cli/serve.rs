//! `serve`, as service managers run it.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::machine::Machine;
use super::world::World;
use crate::support::http;
use crate::support::process::{eventually, free_port};
use crate::support::service::Service;

const PROVIDER: [(&str, &str); 2] = [
    ("PROVIDER_CLIENT_ID", "central-oauth"),
    ("PROVIDER_ISSUER", "https://login.example.com"),
];

/// The service would wait longer for running requests.
const PROMPTLY: Duration = Duration::from_secs(12);

#[tokio::test]
async fn ends_promptly_though_somebody_keeps_a_connection() {
    let mut service = Service::start(&PROVIDER).await;
    let client = http::client();
    http::send(client.get(service.url("/v1/healthz")))
        .await
        .expect(200);
    let _silent = tokio::net::TcpStream::connect(service.url("").trim_start_matches("http://"))
        .await
        .unwrap();
    let asked = Instant::now();
    assert_eq!(service.stop().await.code(), Some(0));
    let took = asked.elapsed();
    assert!(took < PROMPTLY, "{took:?}");
    drop(client);
}

#[tokio::test]
async fn ends_promptly_while_a_person_is_away() {
    let mut world = World::start().await;
    let linking = super::linking::Linking::start(world.client(&["link"])).await;
    let server = world.server();
    super::browser::Browser::new()
        .confirm(&server, &linking.code)
        .await;
    let asked = Instant::now();
    assert_eq!(world.service.stop().await.code(), Some(0));
    let took = asked.elapsed();
    assert!(took < PROMPTLY, "{took:?}");
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_named_at_the_start() {
    let issuer = format!("http://127.0.0.1:{}/realms/work", free_port());
    let provider = [("PROVIDER_CLIENT_ID", "x"), ("PROVIDER_ISSUER", &issuer)];
    let mut service = Service::start(&provider).await;
    let warned = || {
        let logs = service.logs();
        let mut lines = logs.lines().filter(|line| line.contains("WARN"));
        lines.any(|line| line.contains(&issuer) && line.contains("default"))
    };
    eventually(Duration::from_secs(30), "a warning", async || warned()).await;
    let ready = http::client().get(service.url("/v1/readyz"));
    http::send(ready).await.expect(200);
    service.stop().await;
}

#[tokio::test]
async fn logs_are_lines_of_text_without_colours() {
    let mut service = Service::start(&PROVIDER).await;
    service.stop().await;
    let logs = service.logs();
    for event in ["serving", "stopping", "stopped"] {
        assert!(logs.contains(event), "{logs}");
    }
    assert!(!logs.contains('\u{1b}'), "{logs}");
}

#[tokio::test]
async fn logs_are_one_object_a_line() {
    let mut service = Service::start(&[("LOG_FORMAT", "json"), ("LOG", "trace")]).await;
    let request = http::client().post(service.url("/v1/link-code"));
    http::send(request.body("not\njson")).await;
    service.stop().await;
    let logs = service.logs();
    let mut messages = Vec::new();
    for line in logs.lines() {
        let event: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            event["level"].is_string() && event["timestamp"].is_string(),
            "{line}"
        );
        messages.extend(event["message"].as_str().map(str::to_owned));
    }
    for event in ["serving", "stopping", "stopped"] {
        assert!(messages.iter().any(|message| message == event), "{logs}");
    }
}

#[tokio::test]
async fn a_taken_port_is_one_line() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let settings = [
        ("SECRET_KEY", Service::SECRET_KEY),
        ("LISTEN_ADDR", address.as_str()),
        ("LOG", "warn"),
        PROVIDER[0],
        PROVIDER[1],
    ];
    let run = Machine::new()
        .run_with(&settings, &["serve"])
        .await
        .expect(1);
    let expected = format!("central-oauth: cannot listen on {address}: Address already in use");
    assert!(run.only_line().starts_with(&expected), "{run:?}");
    let hint = "; CENTRAL_OAUTH_LISTEN_ADDR selects another address";
    assert!(run.only_line().ends_with(hint), "{run:?}");
}
