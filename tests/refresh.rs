//! Grants that stay alive: the real binary against the sandbox, whose rotation ends a family when a refresh token is
//! used twice, with access tokens of a few seconds.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use central_oauth_sandbox_poem::{Sandbox, SandboxOptions};
use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::sleep;

use support::http;
use support::linking::link;
use support::process::{eventually, free_port};
use support::service::Service;
use support::tokens::{token, works};

const LIFETIME: Duration = Duration::from_secs(4);

/// A sandbox at a port, whose alice consents by herself at once.
async fn sandbox(port: u16) -> Sandbox {
    let options = SandboxOptions {
        listen: ([127, 0, 0, 1], port).into(),
        auto_consent: Some(Duration::ZERO),
        interval: Duration::from_secs(1),
        access_token_ttl: LIFETIME,
        ..SandboxOptions::default()
    };
    Sandbox::start(options).await.expect("no sandbox")
}

async fn service(sandbox: &Sandbox) -> Service {
    let mut service = Service::prepare_for(sandbox);
    // A refresh that went as it should is told to those who look closer.
    service.set("LOG", "info,central_oauth_domain=debug");
    service.run().await;
    service
}

async fn account(client: &Client, service: &Service) -> serde_json::Value {
    let request = client
        .get(service.url("/v1/accounts"))
        .bearer_auth(Service::ADMIN_KEY);
    let list = http::send(request).await.expect(200);
    list.json["items"][0].clone()
}

/// Asks without pause; how many tokens worked, and what else came.
async fn ask(
    token_url: String,
    hello: String,
    key: String,
    over: Arc<AtomicBool>,
) -> (usize, Vec<String>) {
    let client = http::client();
    let (mut good, mut bad) = (0, Vec::new());
    while !over.load(Ordering::Relaxed) {
        let answer = http::send(client.get(&token_url).bearer_auth(&key)).await;
        if answer.status != 200 {
            bad.push(format!("{} {}", answer.status, answer.text));
            continue;
        }
        let used = http::send(client.get(&hello).bearer_auth(answer.str("access_token"))).await;
        // Less than a second was left, and on a crowded machine the use itself can come after it.
        let too_late = answer.number("expires_in") == 0;
        match used.status.as_u16() {
            200 => good += 1,
            _ if too_late => {}
            _ => bad.push(format!("{}: {}", used.text, answer.text)),
        }
        sleep(Duration::from_millis(20)).await;
    }
    (good, bad)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_always_get_a_token_that_works() {
    let sandbox = sandbox(0).await;
    let mut service = service(&sandbox).await;
    let key = link(&service).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for _ in 0..32 {
        let hello = sandbox.endpoints().hello.clone();
        callers.spawn(ask(
            service.url("/v1/token"),
            hello,
            key.clone(),
            Arc::clone(&over),
        ));
    }
    // Every generation once: a refresh token used twice would have ended the family.
    let started = Instant::now();
    let (client, mut generations) = (http::client(), std::collections::BTreeSet::new());
    while started.elapsed() < Duration::from_secs(15) {
        let account = account(&client, &service).await;
        assert_eq!(account["status"], "active", "{account}");
        generations.extend(account["last_refreshed_at"].as_str().map(str::to_owned));
        sleep(Duration::from_millis(100)).await;
    }
    over.store(true, Ordering::Relaxed);
    let results = callers.join_all().await;
    let good: usize = results.iter().map(|(good, _)| good).sum();
    let bad: Vec<_> = results.into_iter().flat_map(|(_, bad)| bad).collect();
    eprintln!(
        "{good} tokens worked, {} did not, {} refreshes",
        bad.len(),
        generations.len()
    );
    assert!(
        bad.is_empty(),
        "{} of them: {:?}",
        bad.len(),
        &bad[..bad.len().min(5)]
    );
    assert!(good > 1000);
    assert!((3..=5).contains(&generations.len()), "{generations:?}");
    assert_eq!(
        service.logs().matches(" refreshed ").count(),
        generations.len()
    );
    assert!(service.stop().await.success());
    sandbox.stop().await.expect("the sandbox failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_database_share_a_grant() {
    let sandbox = sandbox(0).await;
    let mut first = service(&sandbox).await;
    let mut second = Service::prepare_for(&sandbox);
    let database = first.file("central-oauth.sqlite3");
    second.set("DB_PATH", &database.display().to_string());
    second.set("LOG", "info,central_oauth_domain=debug");
    second.run().await;
    let key = link(&first).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for n in 0..16 {
        let url = if n % 2 == 0 { &first } else { &second }.url("/v1/token?min_ttl=1");
        let hello = sandbox.endpoints().hello.clone();
        callers.spawn(ask(url, hello, key.clone(), Arc::clone(&over)));
    }
    sleep(Duration::from_secs(12)).await;
    over.store(true, Ordering::Relaxed);
    let results = callers.join_all().await;
    let bad: Vec<_> = results.into_iter().flat_map(|(_, bad)| bad).collect();
    assert!(
        bad.is_empty(),
        "{} of them: {:?}",
        bad.len(),
        &bad[..bad.len().min(5)]
    );
    let well = account(&http::client(), &second).await;
    assert_eq!(well["status"], "active", "{well}");
    let refreshes = |service: &Service| service.logs().matches(" refreshed ").count();
    let (here, there) = (refreshes(&first), refreshes(&second));
    eprintln!("{here} refreshes by the one, {there} by the other");
    assert!((3..=5).contains(&(here + there)));
    assert!(second.stop().await.success() && first.stop().await.success());
    sandbox.stop().await.expect("the sandbox failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_survives_crashes() {
    let sandbox = sandbox(0).await;
    let mut service = service(&sandbox).await;
    let key = link(&service).await;
    let client = http::client();
    let mut known = String::new();
    // The sandbox forgives nothing, so a crash between its answer and the commit would cost the grant: these come
    // between two refreshes, at any moment of that time, and last beyond the next one or not.
    for (lives, is_down) in [(0, 0), (700, 4500), (1900, 0), (2400, 1500), (1300, 5000)] {
        eventually(Duration::from_secs(20), "a refresh", async || {
            let answer = token(&client, &service, &key).await.expect(200);
            let fresh = answer.str("access_token").to_owned();
            std::mem::replace(&mut known, fresh.clone()) != fresh
        })
        .await;
        sleep(Duration::from_millis(lives)).await;
        service.kill().await;
        sleep(Duration::from_millis(is_down)).await;
        service.run().await;
        let answer = token(&client, &service, &key).await.expect(200);
        assert!(works(&client, &sandbox, answer.str("access_token")).await);
    }
    assert_eq!(account(&client, &service).await["status"], "active");
    assert!(service.stop().await.success());
    sandbox.stop().await.expect("the sandbox failed");
}

/// A door in front of the sandbox that can be shut: the sandbox forgets everything when it stops.
struct Door {
    port: u16,
    shut: Arc<AtomicBool>,
    passed: Arc<AtomicUsize>,
}

impl Door {
    async fn before(sandbox: &Sandbox) -> Self {
        let port = free_port();
        let inside = sandbox.base_url().trim_start_matches("http://").to_owned();
        let (shut, passed) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await;
        let listener = listener.expect("cannot listen");
        let (door, count) = (Arc::clone(&shut), Arc::clone(&passed));
        tokio::spawn(async move {
            while let Ok((mut outer, _)) = listener.accept().await {
                if door.load(Ordering::Relaxed) {
                    continue;
                }
                count.fetch_add(1, Ordering::Relaxed);
                let (inside, door) = (inside.clone(), Arc::clone(&door));
                tokio::spawn(async move {
                    let Ok(mut inner) = tokio::net::TcpStream::connect(inside).await else {
                        return;
                    };
                    let closed = async {
                        while !door.load(Ordering::Relaxed) {
                            sleep(Duration::from_millis(20)).await;
                        }
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut outer, &mut inner) => {}
                        () = closed => {}
                    }
                });
            }
        });
        Self { port, shut, passed }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_borne_and_told() {
    let sandbox = sandbox(0).await;
    let door = Door::before(&sandbox).await;
    let mut service = service(&sandbox).await;
    let outside = format!("http://127.0.0.1:{}", door.port);
    service.set("PROVIDER_TOKEN_ENDPOINT", &format!("{outside}/token"));
    service.restart().await;
    let key = link(&service).await;
    let client = http::client();
    let first = token(&client, &service, &key).await.expect(200);
    door.shut.store(true, Ordering::Relaxed);

    // The stored token serves as long as it is valid.
    eventually(LIFETIME, "the failure", async || {
        let answer = token(&client, &service, &key).await;
        answer.status == 200
            && answer.json["account"]["status"] == "degraded"
            && answer.json["warning"]["code"] == "provider_unavailable"
            && answer.str("access_token") == first.str("access_token")
    })
    .await;
    // Then the outage is told, with the time to wait.
    eventually(LIFETIME, "the refusal", async || {
        let answer = token(&client, &service, &key).await;
        let waits: u64 = answer.header("retry-after").parse().unwrap_or(0);
        answer.status == 503 && answer.json["code"] == "provider_unavailable" && waits > 0
    })
    .await;
    let unwell = account(&client, &service).await;
    assert!(unwell["next_refresh_at"].is_string(), "{unwell}");

    let before = door.passed.load(Ordering::Relaxed);
    door.shut.store(false, Ordering::Relaxed);
    eventually(Duration::from_secs(20), "the recovery", async || {
        let answer = token(&client, &service, &key).await;
        answer.status == 200 && works(&client, &sandbox, answer.str("access_token")).await
    })
    .await;
    assert!(door.passed.load(Ordering::Relaxed) > before);
    let well = account(&client, &service).await;
    assert_eq!(well["status"], "active", "{well}");
    assert!(well.get("last_error").is_none(), "{well}");
    assert!(service.stop().await.success());
    sandbox.stop().await.expect("the sandbox failed");
}
