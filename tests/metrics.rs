//! Metrics of the real binary, scraped by a real Prometheus, with the dashboard and the alert rules of
//! `docs/monitoring`.
#![allow(clippy::unwrap_used)]

mod monitoring;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use central_oauth_test_sandbox::Sandbox;
use reqwest::{Client, Method};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database};
use serde_json::json;

use crate::support::http::{self, Answer};
use crate::support::linking::link;
use crate::support::process::{eventually, free_port};
use crate::support::prometheus::Prometheus;
use crate::support::sandbox;
use crate::support::service::Service;

/// The series that the first count after a link creates.
const COUNTED: &str = "central_oauth_accounts{provider=\"sandbox\",status=\"active\"} 1";

/// How long the database is locked: shorter than a writer waits.
const LOCKED_FOR: Duration = Duration::from_secs(3);

/// A generous limit for a scrape, which must not wait for the locked database.
const AT_ONCE: Duration = Duration::from_secs(5);

struct Scene {
    service: Service,
    sandbox: Sandbox,
    client: Client,
    port: u16,
}

impl Scene {
    /// Starts a sandbox whose tokens last this long, and a service whose metrics can be scraped.
    async fn new(access_token_ttl: Duration) -> Self {
        let sandbox = sandbox::of_alice(access_token_ttl).await;
        let mut service = Service::patient_for(&sandbox);
        let port = free_port();
        service.set("METRICS_ADDR", &format!("127.0.0.1:{port}"));
        service.set("PROVIDER_NAME", "sandbox");
        let revocation = &sandbox.endpoints().revocation;
        service.set("PROVIDER_REVOCATION_ENDPOINT", revocation);
        service.run().await;
        Self {
            service,
            sandbox,
            client: http::client(),
            port,
        }
    }

    async fn scrape(&self) -> Answer {
        let at = format!("http://127.0.0.1:{}/metrics", self.port);
        http::send(self.client.get(at)).await
    }

    /// Waits until the account has been counted.
    async fn wait_for_census(&self) {
        eventually(Duration::from_secs(60), "a census", async || {
            self.scrape().await.text.contains(COUNTED)
        })
        .await;
    }

    /// Returns the series without their values.
    async fn series(&self) -> BTreeSet<String> {
        let text = self.scrape().await.expect(200).text;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let series = lines.filter_map(|line| line.rsplit_once(' '));
        series.map(|(series, _)| series.to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_sees_what_happens() {
    let scene = Scene::new(Duration::from_secs(4)).await;
    let prometheus = Prometheus::scraping(scene.port, &monitoring::rules()).await;
    link(&scene.service).await;
    for (query, least) in [
        ("up{job=\"central-oauth\"}", 1.0),
        (
            "central_oauth_links_started_total{provider=\"sandbox\"}",
            1.0,
        ),
        ("central_oauth_links_confirmed_total", 1.0),
        ("central_oauth_links_ended_total{outcome=\"linked\"}", 1.0),
        ("central_oauth_refreshes_total{outcome=\"refreshed\"}", 2.0),
        ("central_oauth_refresh_lag_seconds_count", 2.0),
        (
            "central_oauth_accounts{provider=\"sandbox\",status=\"active\"}",
            1.0,
        ),
        (
            "sum(central_oauth_provider_call_duration_seconds_count{exchange=\"refresh\"})",
            2.0,
        ),
        ("sum(central_oauth_store_connections)", 1.0),
        ("central_oauth_build_info", 1.0),
        (
            "http_server_request_duration_seconds_count{http_route=\"/v1/link-code\",http_response_status_code=\"201\"}",
            1.0,
        ),
    ] {
        prometheus.wait_for(query, |value| value >= least).await;
    }
    monitoring::every_query_works(&prometheus).await;
    assert!(
        prometheus
            .query("ALERTS{alertstate=\"firing\"}")
            .await
            .is_empty()
    );
    scene.sandbox.stop().await.unwrap();
    let tried = "sum(central_oauth_refreshes_total{outcome=\"unavailable\"})";
    prometheus.wait_for(tried, |value| value >= 1.0).await;
    let degraded = "central_oauth_accounts{provider=\"sandbox\",status=\"degraded\"}";
    prometheus.wait_for(degraded, |value| value == 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_of_webhooks_is_counted_from_the_start() {
    let port = free_port();
    let mut service = Service::prepare(&[]);
    service.set("METRICS_ADDR", &format!("127.0.0.1:{port}"));
    let receiver = "[receiver.ops]\nurl = \"https://hooks.example.com\"\n\
                    secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n";
    let file = service.file("webhooks.toml");
    std::fs::write(&file, receiver).unwrap();
    service.set("WEBHOOKS", file.to_str().unwrap());
    service.run().await;
    let scraped = http::client().get(format!("http://127.0.0.1:{port}/metrics"));
    let text = http::send(scraped).await.expect(200).text;
    for outcome in ["delivered", "failed", "dropped"] {
        let series = format!("{{outcome=\"{outcome}\",receiver=\"ops\"}} 0\n");
        let line = format!("\ncentral_oauth_webhooks_total{series}");
        assert!(text.contains(&line), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_database_holds_up_no_scrape() {
    let scene = Scene::new(Duration::from_secs(300)).await;
    link(&scene.service).await;
    scene.wait_for_census().await;
    let file = scene.service.file("central-oauth.sqlite3");
    let mut one = ConnectOptions::new(format!("sqlite://{}", file.display()));
    one.max_connections(1);
    let database = Database::connect(one).await.unwrap();
    // Writers wait from now on, for longer than this test.
    database
        .execute_unprepared("BEGIN EXCLUSIVE")
        .await
        .unwrap();
    let waits = http::client()
        .post(scene.service.url("/v1/link-code"))
        .send();
    let waits = tokio::spawn(waits);
    let locked = Instant::now();
    while locked.elapsed() < LOCKED_FOR {
        let started = Instant::now();
        let scraped = scene.scrape().await.expect(200);
        assert!(started.elapsed() < AT_ONCE);
        assert!(scraped.text.contains(COUNTED), "{}", scraped.text);
    }
    assert!(!waits.is_finished(), "nothing was locked");
    database.execute_unprepared("ROLLBACK").await.unwrap();
    assert_eq!(waits.await.unwrap().unwrap().status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_callers_send_makes_no_new_series() {
    let mut scene = Scene::new(Duration::from_secs(300)).await;
    link(&scene.service).await;
    scene.wait_for_census().await;
    hostile(&scene, "warming-up").await;
    let before = scene.series().await;
    for number in 0..60 {
        hostile(&scene, &format!("evil{number}")).await;
    }
    assert_eq!(scene.series().await, before);
    let text = scene.scrape().await.text;
    assert!(
        !text.contains("evil") && !text.contains("warming"),
        "{text}"
    );
    assert!(scene.service.stop().await.success());
    let logs = scene.service.logs();
    assert!(!logs.contains("evil"), "{logs}");
}

/// Uses an invented word wherever the service accepts a text.
async fn hostile(scene: &Scene, word: &str) {
    let quoted = format!("{word}\"}} 1");
    for path in [
        format!("/{word}"),
        format!("/v1/{word}"),
        format!("/v1/accounts/{word}"),
        format!("/v1/poll/{word}?{word}={word}"),
        format!("/docs/{word}"),
        format!("/callback/{word}?state={word}"),
    ] {
        let method = Method::from_bytes(word.replace('-', "").as_bytes()).unwrap();
        for method in [Method::GET, method] {
            let request = scene.client.request(method, scene.service.url(&path));
            let request = request
                .header("x-request-id", &quoted)
                .header("traceparent", &quoted)
                .header("tracestate", word)
                .header("user-agent", word);
            assert!(http::send(request).await.status.is_client_error());
        }
    }
    let link = json!({ "provider": quoted, "client_name": word });
    let request = scene.client.post(scene.service.url("/v1/link-code"));
    http::send(request.json(&link)).await.expect(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_nowhere_else() {
    let scene = Scene::new(Duration::from_secs(300)).await;
    let scraped = scene.scrape().await.expect(200);
    assert!(
        scraped
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let elsewhere = scene.client.get(scene.service.url("/metrics"));
    http::send(elsewhere).await.expect(404);
    let base = format!("http://127.0.0.1:{}", scene.port);
    let other = scene.client.get(format!("{base}/v1/accounts"));
    http::send(other).await.expect(404);
    http::send(scene.client.post(format!("{base}/metrics")))
        .await
        .expect(405);
}
