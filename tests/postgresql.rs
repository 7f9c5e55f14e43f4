//! Several replicas of the real binary on one PostgreSQL.

mod proxy;

use std::time::Duration;

use central_oauth_test_postgres::{Cluster, PgBouncer};
use central_oauth_test_sandbox::{Odds, Place, Reuse, Sandbox, SandboxOptions};
use futures_util::future::join_all;
use rustix::process::Signal;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use crate::support::http;
use crate::support::linking::link;
use crate::support::process::eventually;
use crate::support::sandbox;
use crate::support::service::Service;
use crate::support::tokens::{token, working_token, works};

/// Long enough for everything in these tests, even on a very slow machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Starts a sandbox whose Alice consents at once.
async fn sandbox() -> Sandbox {
    sandbox_that(Reuse::Forbidden).await
}

/// Starts such a sandbox with this reaction to reused refresh tokens.
async fn sandbox_that(reuse: Reuse) -> Sandbox {
    sandbox::start(SandboxOptions {
        reuse,
        access_token_ttl: Duration::from_secs(4),
        ..sandbox::consenting()
    })
    .await
}

async fn replica(sandbox: &Sandbox, database: &str) -> Service {
    let mut service = Service::patient_for(sandbox);
    service.set("DATABASE_URL", database);
    service.run().await;
    service
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_does_holds_for_the_others() {
    let (sandbox, database) = (sandbox().await, Cluster::shared().create_database());
    let mut one = replica(&sandbox, &database.url).await;
    let mut other = replica(&sandbox, &database.url).await;
    let (client, key) = (http::client(), link(&one).await);
    let answer = working_token(&client, &other, &sandbox, &key).await;

    let keys = |service: &Service| {
        service.url(&format!(
            "/v1/accounts/{}/keys",
            answer.json["account"]["id"].as_str().unwrap_or_default()
        ))
    };
    let request = client.post(keys(&one)).bearer_auth(&key);
    let request = request.json(&serde_json::json!({"name": "second"}));
    let second = http::send(request).await.expect(201);
    token(&client, &other, second.str("access_key"))
        .await
        .expect(200);
    let delete = format!("{}/{}", keys(&other), second.str("id"));
    http::send(client.delete(delete).bearer_auth(&key))
        .await
        .expect(204);
    token(&client, &one, second.str("access_key"))
        .await
        .expect(401);

    let account = one.url(&format!(
        "/v1/accounts/{}",
        answer.json["account"]["id"].as_str().unwrap_or_default()
    ));
    http::send(client.delete(account).bearer_auth(&key))
        .await
        .expect(200);
    token(&client, &other, &key).await.expect(401);
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_together_bear_as_many_wrong_codes_as_one() {
    const PER_ADDRESS: usize = 20;
    let (sandbox, database) = (sandbox().await, Cluster::shared().create_database());
    let mut one = replica(&sandbox, &database.url).await;
    let mut other = replica(&sandbox, &database.url).await;
    let client = http::client();
    let guess = |service: &Service, number: usize| {
        http::send(client.get(service.url(&format!("/v1/poll/{number:08}"))))
    };
    let guesses = (0..PER_ADDRESS + 10).map(|n| guess([&one, &other][n % 2], n));
    let mut answers = join_all(guesses).await;
    answers.retain(|answer| answer.status == 404);
    assert_eq!(answers.len(), PER_ADDRESS);
    for service in [&one, &other] {
        let refused = guess(service, 99).await.expect(429);
        assert_eq!(refused.str("code"), "rate_limited");
    }
    other.restart().await;
    guess(&other, 99).await.expect(429);
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_database_loses_nothing() {
    let cluster = Cluster::start();
    let (sandbox, database) = (sandbox().await, cluster.create_database());
    let mut service = replica(&sandbox, &database.url).await;
    let (client, key) = (http::client(), link(&service).await);
    cluster.restart();
    eventually(TIMEOUT, "a token", async || {
        token(&client, &service, &key).await.status == 200
    })
    .await;
    cluster.kill();
    // The service serves a cached token for up to half a second after it last read the token from the database.
    eventually(TIMEOUT, "no token", async || {
        token(&client, &service, &key).await.status == 503
    })
    .await;
    let refused = token(&client, &service, &key).await.expect(503);
    assert_eq!(refused.str("code"), "store_unavailable");
    assert!(refused.headers.contains_key("retry-after"));
    cluster.start_again();
    eventually(TIMEOUT, "a token that works", async || {
        let answer = token(&client, &service, &key).await;
        answer.status == 200 && works(&client, &sandbox, answer.str("access_token")).await
    })
    .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_a_pooler() {
    let cluster = Cluster::shared();
    let (sandbox, database) = (sandbox().await, cluster.create_database());
    let pooler = PgBouncer::start(cluster);
    let url = format!("{}?statement-cache-capacity=0", pooler.url(&database.name));
    let mut one = replica(&sandbox, &url).await;
    let mut other = replica(&sandbox, &url).await;
    let (client, key) = (http::client(), link(&one).await);
    for service in [&one, &other].repeat(5) {
        working_token(&client, service, &sandbox, &key).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    one.stop().await;
    other.stop().await;
}

/// Returns the replicas as the command lists them.
async fn replicas(service: &Service) -> serde_json::Value {
    let output = service.output(&["replicas", "--json"]).await;
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    serde_json::from_slice(&output.stdout).expect("no JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_listed_until_they_stop() {
    let (sandbox, database) = (sandbox().await, Cluster::shared().create_database());
    let mut one = replica(&sandbox, &database.url).await;
    let mut other = replica(&sandbox, &database.url).await;
    eventually(TIMEOUT, "two replicas", async || {
        replicas(&one).await.as_array().map(Vec::len) == Some(2)
    })
    .await;
    let known = replicas(&one).await;
    assert_eq!(known[1]["version"], env!("CARGO_PKG_VERSION"));
    one.stop().await;
    assert_eq!(replicas(&other).await.as_array().map(Vec::len), Some(1));
    other.stop().await;
    assert_eq!(replicas(&other).await, serde_json::json!([]));
}

// If the replica left the list earlier, `migrate down` could remove columns that its last responses need.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_listed_until_its_last_response_has_arrived() {
    let (sandbox, database) = (sandbox().await, Cluster::shared().create_database());
    let mut service = replica(&sandbox, &database.url).await;
    link(&service).await;
    let before = sandbox::presented(&sandbox);
    // Longer than the provider's timeout.
    let late = Odds {
        slow: 1.0,
        longest_delay: Duration::from_secs(100_000),
        ..Odds::default()
    };
    sandbox.faults().set(Place::Token, late);
    eventually(TIMEOUT, "a refresh whose response is late", async || {
        sandbox::presented(&sandbox) > before
    })
    .await;
    service.signal(Signal::TERM);
    eventually(TIMEOUT, "the end of the housekeeping", async || {
        service.logs().contains("stopping")
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(replicas(&service).await.as_array().map(Vec::len), Some(1));
    service.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_version_migrates_beside_an_older_one() {
    let cluster = Cluster::shared();
    let (sandbox, database) = (sandbox().await, cluster.create_database());
    let mut old = replica(&sandbox, &database.url).await;
    let (client, key) = (http::client(), link(&old).await);
    let first = token(&client, &old, &key).await.expect(200);
    // A migration within a minor version only adds.
    let newer = "ALTER TABLE accounts ADD COLUMN colour TEXT; \
                 ALTER TABLE tokens ADD COLUMN weight BIGINT NOT NULL DEFAULT 7; \
                 CREATE TABLE ribbons (id BIGINT PRIMARY KEY); \
                 INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_newer', 0)";
    cluster.execute(&database.name, newer);
    eventually(TIMEOUT, "a refreshed token", async || {
        let answer = token(&client, &old, &key).await.expect(200);
        answer.str("access_token") != first.str("access_token")
    })
    .await;
    let another = link(&old).await;
    token(&client, &old, &another).await.expect(200);
    let log = old.logs();
    assert!(!log.contains("cached plan"), "{log}");

    let mut late = Service::prepare_for(&sandbox);
    late.set("DATABASE_URL", &database.url);
    assert!(!late.run_to_the_end().await.success());
    let log = late.logs();
    assert!(
        log.contains("newer version") && log.contains("m9999_newer"),
        "{log}"
    );
    assert!(!log.contains(cluster.password()), "{log}");
    old.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_a_start_that_waits_for_a_migration() {
    let (cluster, database) = (Cluster::shared(), Cluster::shared().create_database());
    let db = sea_orm::Database::connect(&database.url).await;
    let migration = db.expect("no connection").begin().await;
    let migration = migration.expect("no transaction");
    let lock = "SELECT pg_advisory_xact_lock(216664599, 0)";
    migration.execute_unprepared(lock).await.expect("no lock");
    let mut service = Service::prepare(&[("DATABASE_URL", &database.url)]);
    service.begin();
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' \
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    eventually(TIMEOUT, "a replica that waits", async || {
        cluster.execute(&database.name, waiting).trim() == "1"
    })
    .await;
    assert!(service.stop().await.success(), "{}", service.logs());
    migration.rollback().await.expect("no rollback");
    service.run().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_tls_mode_in_the_environment_stops_the_start() {
    let (sandbox, database) = (sandbox().await, Cluster::shared().create_database());
    let mut service = Service::prepare_for(&sandbox);
    service.set("DATABASE_URL", &database.url);
    service.set_other("PGSSLMODE", "verify_full");
    assert!(!service.run_to_the_end().await.success());
    let log = service.logs();
    assert!(log.contains("PGSSLMODE"), "{log}");
    assert!(!log.contains(Cluster::shared().password()), "{log}");
}
