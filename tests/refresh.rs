//! Keeping grants alive: the real binary with the sandbox, which ends a token family when a refresh token is used
//! twice, and with access tokens that last some seconds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use central_oauth_test_sandbox::Sandbox;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::accounts::{account, refresh};
use crate::support::http;
use crate::support::linking::link;
use crate::support::process::{eventually, free_port};
use crate::support::sandbox;
use crate::support::service::Service;
use crate::support::tokens::{has_run_out, token, working_token, works};

const LIFETIME: Duration = Duration::from_secs(4);
/// Long enough for everything in these tests, even on a very slow machine.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Starts a sandbox whose Alice consents at once.
async fn sandbox(access_token_ttl: Duration) -> Sandbox {
    sandbox::of_alice(access_token_ttl).await
}

fn prepare(sandbox: &Sandbox) -> Service {
    let mut service = Service::prepare_for(sandbox);
    // Successful refreshes are logged only at DEBUG.
    service.set("LOG", "info,central_oauth_domain=debug");
    service
}

async fn service(sandbox: &Sandbox) -> Service {
    let mut service = prepare(sandbox);
    service.run().await;
    service
}

/// Starts a service whose sandbox is busy with many other accounts.
async fn patient_service(sandbox: &Sandbox) -> Service {
    let mut service = prepare(sandbox);
    service.be_patient();
    service.run().await;
    service
}

/// Returns the number of logged refreshes, each of which was stored before.
fn told(service: &Service) -> usize {
    service.logs().matches(" refreshed ").count()
}

/// Callers that ask continuously, all at once.
struct Crowd {
    over: Arc<AtomicBool>,
    good: Arc<AtomicUsize>,
    callers: JoinSet<Vec<String>>,
    began: Instant,
}

impl Crowd {
    /// Starts one caller for each of these addresses.
    fn ask(urls: impl IntoIterator<Item = String>, sandbox: &Sandbox, key: &str) -> Self {
        let (over, good) = (Arc::default(), Arc::default());
        let mut callers = JoinSet::new();
        for url in urls {
            let (hello, key) = (sandbox.endpoints().hello.clone(), key.to_owned());
            callers.spawn(ask(url, hello, key, Arc::clone(&over), Arc::clone(&good)));
        }
        Self {
            over,
            good,
            callers,
            began: Instant::now(),
        }
    }

    /// Returns how many tokens have worked.
    fn good(&self) -> usize {
        self.good.load(Ordering::Relaxed)
    }

    /// Asserts that all callers got only working tokens. Returns how long they have asked.
    async fn end(self) -> Duration {
        self.over.store(true, Ordering::Relaxed);
        let bad = self.callers.join_all().await.concat();
        let shown = &bad[..bad.len().min(5)];
        assert!(bad.is_empty(), "{} of them: {shown:?}", bad.len());
        self.began.elapsed()
    }
}

/// Asks continuously, counts the tokens that worked, and returns other responses.
async fn ask(
    token_url: String,
    hello: String,
    key: String,
    over: Arc<AtomicBool>,
    good: Arc<AtomicUsize>,
) -> Vec<String> {
    let (client, mut bad) = (http::client(), Vec::new());
    while !over.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let answer = http::send(client.get(&token_url).bearer_auth(&key)).await;
        if answer.status != 200 {
            bad.push(format!("{} {}", answer.status, answer.text));
            continue;
        }
        let used = http::send(client.get(&hello).bearer_auth(answer.str("access_token"))).await;
        match used.status.as_u16() {
            200 => drop(good.fetch_add(1, Ordering::Relaxed)),
            _ if has_run_out(asked, &answer) => {}
            _ => bad.push(format!("{}: {}", used.text, answer.text)),
        }
        sleep(Duration::from_millis(20)).await;
    }
    bad
}

/// Returns the maximum number of refreshes in this time if each comes this long after the previous one.
fn most(within: Duration, apart: Duration) -> usize {
    let most = within.as_millis() / apart.as_millis();
    usize::try_from(most).expect("a small number") + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_always_get_a_token_that_works() {
    let sandbox = sandbox(LIFETIME).await;
    let mut service = patient_service(&sandbox).await;
    let key = link(&service).await;
    let crowd = Crowd::ask((0..32).map(|_| service.url("/v1/token")), &sandbox, &key);
    let (client, mut generations) = (http::client(), BTreeSet::new());
    eventually(TIMEOUT, "tokens and refreshes", async || {
        let account = account(&client, &service, Service::ADMIN_KEY).await;
        assert_eq!(account["status"], "active", "{account}");
        generations.extend(account["last_refreshed_at"].as_str().map(str::to_owned));
        let is_long = crowd.began.elapsed() >= Duration::from_secs(15);
        is_long && crowd.good() > 1000 && generations.len() >= 3
    })
    .await;
    let good = crowd.good();
    let took = crowd.end().await;
    assert!(service.stop().await.success());
    let refreshes = told(&service);
    eprintln!("{good} tokens worked, {refreshes} refreshes in {took:?}");
    // Each refresh token was used once, and no refresh was unnecessary.
    assert_eq!(sandbox::presented(&sandbox), refreshes);
    assert!(generations.len() <= refreshes, "{generations:?}");
    assert!(refreshes <= most(took, LIFETIME.mul_f64(0.9)));
    sandbox.stop().await.expect("the sandbox failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_database_share_a_grant() {
    let sandbox = sandbox(LIFETIME).await;
    let mut first = patient_service(&sandbox).await;
    let mut second = prepare(&sandbox);
    let database = first.file("central-oauth.sqlite3");
    second.set("DB_PATH", &database.display().to_string());
    second.be_patient();
    second.run().await;
    let key = link(&first).await;
    let urls = [&first, &second].map(|service| service.url("/v1/token?min_ttl=1"));
    let crowd = Crowd::ask(urls.into_iter().cycle().take(16), &sandbox, &key);
    eventually(TIMEOUT, "refreshes", async || {
        let is_long = crowd.began.elapsed() >= Duration::from_secs(12);
        is_long && told(&first) + told(&second) >= 3
    })
    .await;
    let took = crowd.end().await;
    let well = account(&http::client(), &second, Service::ADMIN_KEY).await;
    assert_eq!(well["status"], "active", "{well}");
    assert!(second.stop().await.success() && first.stop().await.success());
    let (here, there) = (told(&first), told(&second));
    eprintln!("{here} refreshes by the one, {there} by the other, in {took:?}");
    assert_eq!(sandbox::presented(&sandbox), here + there);
    assert!(here + there <= most(took, LIFETIME - Duration::from_secs(1)));
    sandbox.stop().await.expect("the sandbox failed");
}

/// Kills the service, unless a refresh is in progress: the sandbox accepts no retry, so a crash between its response
/// and the commit would cost the grant. Returns whether the service was killed.
async fn kill_between_refreshes(service: &mut Service, sandbox: &Sandbox) -> bool {
    // No new response is sent from here on, and earlier ones are being stored.
    sandbox.faults().go_down_for(Duration::from_secs(3600));
    sleep(Duration::from_millis(200)).await;
    let is_between = sandbox::presented(sandbox) == told(service);
    if is_between {
        service.kill().await;
    }
    sandbox.faults().clear();
    is_between
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_survives_crashes() {
    let sandbox = sandbox(LIFETIME).await;
    let mut service = service(&sandbox).await;
    let key = link(&service).await;
    let client = http::client();
    let mut known = String::new();
    // Kills the service at different moments between two refreshes. Some downtimes last beyond the next refresh.
    for (lives, is_down) in [(0, 0), (700, 4500), (1900, 0), (2400, 1500), (1300, 5000)] {
        loop {
            eventually(TIMEOUT, "a refresh", async || {
                let answer = token(&client, &service, &key).await.expect(200);
                let fresh = answer.str("access_token").to_owned();
                std::mem::replace(&mut known, fresh.clone()) != fresh
            })
            .await;
            sleep(Duration::from_millis(lives)).await;
            if kill_between_refreshes(&mut service, &sandbox).await {
                break;
            }
        }
        sleep(Duration::from_millis(is_down)).await;
        service.run().await;
        working_token(&client, &service, &sandbox, &key).await;
    }
    eventually(TIMEOUT, "all is well", async || {
        account(&client, &service, Service::ADMIN_KEY).await["status"] == "active"
    })
    .await;
    assert!(service.stop().await.success());
    sandbox.stop().await.expect("the sandbox failed");
}

/// A proxy to the sandbox that can be closed. Stopping the sandbox instead would lose everything that it knows.
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
async fn an_outage_is_survived_and_reported() {
    let sandbox = sandbox(2 * LIFETIME).await;
    let door = Door::before(&sandbox).await;
    let mut service = service(&sandbox).await;
    let outside = format!("http://127.0.0.1:{}", door.port);
    service.set("PROVIDER_TOKEN_ENDPOINT", &format!("{outside}/token"));
    service.restart().await;
    let key = link(&service).await;
    let client = http::client();
    refresh(&client, &service, &key).await.expect(200);
    door.shut.store(true, Ordering::Relaxed);

    // The stored token is served until it expires.
    eventually(TIMEOUT, "the failure", async || {
        let stored = token(&client, &service, &key).await;
        refresh(&client, &service, &key).await;
        let answer = token(&client, &service, &key).await;
        answer.status == 200
            && answer.json["account"]["status"] == "degraded"
            && answer.json["warning"]["code"] == "provider_unavailable"
            && answer.json["access_token"] == stored.json["access_token"]
    })
    .await;
    // Then the response is an error with `Retry-After`.
    eventually(TIMEOUT, "the refusal", async || {
        let answer = token(&client, &service, &key).await;
        let waits: u64 = answer.header("retry-after").parse().unwrap_or(0);
        answer.status == 503 && answer.json["code"] == "provider_unavailable" && waits > 0
    })
    .await;
    let unwell = account(&client, &service, Service::ADMIN_KEY).await;
    assert!(unwell["next_refresh_at"].is_string(), "{unwell}");

    let before = door.passed.load(Ordering::Relaxed);
    door.shut.store(false, Ordering::Relaxed);
    eventually(TIMEOUT, "the recovery", async || {
        let answer = token(&client, &service, &key).await;
        answer.status == 200 && works(&client, &sandbox, answer.str("access_token")).await
    })
    .await;
    assert!(door.passed.load(Ordering::Relaxed) > before);
    let well = account(&client, &service, Service::ADMIN_KEY).await;
    assert_eq!(well["status"], "active", "{well}");
    assert!(well.get("last_error").is_none(), "{well}");
    assert!(service.stop().await.success());
    sandbox.stop().await.expect("the sandbox failed");
}
