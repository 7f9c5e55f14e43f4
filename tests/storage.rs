//! A database that cannot store tokens: the service acknowledges nothing that is not stored, and sends no further
//! refresh token whose response would be lost.

use std::time::Duration;

use central_oauth_test_sandbox::Sandbox;
use reqwest::Client;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};

use crate::support::accounts::refresh;
use crate::support::http::{self, Answer};
use crate::support::linking::link;
use crate::support::process::eventually;
use crate::support::sandbox;
use crate::support::service::Service;
use crate::support::tokens::{token, works};

/// Long enough for everything in these tests, even on a very slow machine.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Behaves like SQLite on a nearly full disk: small rows fit, and a row of tokens rolls its transaction back.
struct NearlyFull {
    database: DatabaseConnection,
}

/// The rows that do not fit.
const LARGE: [(&str, &str); 3] = [
    ("tokens", "UPDATE OF access_token"),
    ("write_tests", "INSERT"),
    ("device_codes", "INSERT"),
];

impl NearlyFull {
    async fn fill(service: &Service) -> Self {
        let file = service.file("central-oauth.sqlite3");
        let database = Database::connect(format!("sqlite://{}", file.display()));
        let database = database.await.expect("no database");
        for (table, change) in LARGE {
            let sql = format!(
                "CREATE TRIGGER full_{table} BEFORE {change} ON {table} \
                 BEGIN SELECT RAISE(ROLLBACK, 'as if the disk were full'); END"
            );
            let made = database.execute_unprepared(&sql).await;
            made.expect("no trigger");
        }
        Self { database }
    }

    async fn make_room(self) {
        for (table, _) in LARGE {
            let drop = format!("DROP TRIGGER full_{table}");
            let dropped = self.database.execute_unprepared(&drop).await;
            dropped.expect("the trigger stays");
        }
        self.database
            .close()
            .await
            .expect("the database stays open");
    }
}

async fn sandbox() -> Sandbox {
    sandbox::of_alice(Duration::from_secs(3600)).await
}

async fn status(client: &Client, service: &Service, path: &str) -> u16 {
    http::send(client.get(service.url(path)))
        .await
        .status
        .as_u16()
}

fn expect_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.json["code"], "store_unavailable");
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refresh_token_is_spent_that_could_not_be_replaced() {
    let sandbox = sandbox().await;
    let mut service = Service::start_for(&sandbox).await;
    let (client, key) = (http::client(), link(&service).await);
    let before = sandbox::presented(&sandbox);

    let full = NearlyFull::fill(&service).await;
    // The provider has responded and the response cannot be stored, so nobody gets it.
    expect_unavailable(&refresh(&client, &service, &key).await);
    let new_code = client.post(service.url("/v1/link-code"));
    expect_unavailable(&http::send(new_code).await);
    assert_eq!(status(&client, &service, "/v1/readyz").await, 503);
    expect_unavailable(&refresh(&client, &service, &key).await);
    assert_eq!(sandbox::presented(&sandbox), before + 1);
    full.make_room().await;

    eventually(TIMEOUT, "readiness", async || {
        status(&client, &service, "/v1/readyz").await == 200
    })
    .await;
    eventually(TIMEOUT, "the token that was kept in memory", async || {
        let stored = token(&client, &service, &key).await;
        works(&client, &sandbox, stored.str("access_token")).await
    })
    .await;
    let refreshed = async || refresh(&client, &service, &key).await.status == 200;
    eventually(TIMEOUT, "the next refresh", refreshed).await;
    assert_eq!(sandbox::presented(&sandbox), before + 2);
    assert!(service.stop().await.success());
    sandbox.stop().await.expect("the sandbox failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_with_an_unsaved_answer_says_whose_it_is() {
    let sandbox = sandbox().await;
    let mut service = Service::prepare_for(&sandbox);
    service.run().await;
    let (client, key) = (http::client(), link(&service).await);
    let full = NearlyFull::fill(&service).await;
    expect_unavailable(&refresh(&client, &service, &key).await);
    assert!(!service.stop().await.success());
    let log = service.logs();
    let told = log
        .lines()
        .find(|line| line.contains("may have to be linked again"));
    assert!(
        told.is_some_and(|line| line.contains("ERROR") && line.contains("account=1")),
        "{log}"
    );
    full.make_room().await;
    sandbox.stop().await.expect("the sandbox failed");
}
