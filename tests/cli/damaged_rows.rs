//! Damages rows in the database of a running service, so that the service cannot read them.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::changed_database::execute;
use crate::support::http::{self, Answer};
use crate::support::linking::link;
use crate::support::sandbox;
use crate::support::service::Service;

/// Far less than the 13 s that a caller waits for a refresh.
const AT_ONCE: Duration = Duration::from_secs(5);

async fn get(service: &Service, path: &str, key: &str) -> Answer {
    http::send(http::client().get(service.url(path)).bearer_auth(key)).await
}

async fn refused_at_once(service: &Service, key: &str) {
    let began = Instant::now();
    let answer = get(service, "/v1/token", key).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_be_read_is_refused_at_once_and_stops_no_other() {
    let sandbox = sandbox::of_many(Duration::from_secs(300)).await;
    let mut service = Service::start_for(&sandbox).await;
    let (ada, eve) = (link(&service).await, link(&service).await);
    // The first damaged row is due, so the scheduler claims it. The second is leased, and its expiry cannot be read.
    for damage in [
        "failures = 'x', access_token_expires_at = 1, next_refresh_at = 0, lease_until = NULL",
        "failures = 0, access_token_expires_at = 'x', lease_until = 9000000000000",
    ] {
        execute(
            &service,
            &format!("UPDATE tokens SET {damage} WHERE id = 1"),
        )
        .await;
        sleep(Duration::from_secs(2)).await;
        for _ in 0..2 {
            refused_at_once(&service, &ada).await;
            get(&service, "/v1/token", &eve).await.expect(200);
        }
    }
    let refreshed = crate::support::accounts::refresh(&http::client(), &service, &eve).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text);
    let logs = service.logs();
    assert_eq!(
        logs.matches("a database row cannot be read").count(),
        1,
        "{logs}"
    );
    assert!(service.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_read_hides_no_other_and_can_be_deleted() {
    let sandbox = sandbox::of_alice(Duration::from_secs(300)).await;
    let mut service = Service::start_for(&sandbox).await;
    link(&service).await;
    let keys = "/v1/accounts/1/keys";
    for name in ["one", "two"] {
        let body = serde_json::json!({ "name": name });
        let new = http::client().post(service.url(keys)).json(&body);
        http::send(new.bearer_auth(Service::ADMIN_KEY))
            .await
            .expect(201);
    }
    execute(
        &service,
        "UPDATE access_keys SET created_at = 1.5 WHERE id = 2",
    )
    .await;
    let listed = get(&service, keys, Service::ADMIN_KEY).await.expect(200);
    let ids = listed.json["items"].as_array().unwrap().iter();
    let ids = ids
        .map(|key| key["id"].as_str().unwrap())
        .collect::<Vec<_>>();
    assert_eq!(ids, ["1", "3"]);
    let page = get(&service, &format!("{keys}?limit=1"), Service::ADMIN_KEY).await;
    assert!(page.expect(200).json["next_cursor"].is_string());
    let delete = http::client().delete(service.url(&format!("{keys}/2")));
    http::send(delete.bearer_auth(Service::ADMIN_KEY))
        .await
        .expect(204);
    assert!(service.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn rekey_names_the_rows_that_cannot_be_read_and_re_encrypts_all_others() {
    let sandbox = sandbox::of_many(Duration::from_secs(300)).await;
    let mut service = Service::start_for(&sandbox).await;
    for _ in 0..3 {
        link(&service).await;
    }
    let (old, new) = (Service::SECRET_KEY, Service::SECRET_KEY.replace('0', "d"));
    assert!(service.stop().await.success());
    service.set("SECRET_KEY", &new);
    service.set("PREVIOUS_SECRET_KEYS", old);
    execute(&service, "UPDATE tokens SET failures = 'x' WHERE id = 2").await;
    let rekeyed = service.output(&["rekey"]).await;
    let [out, err] = [&rekeyed.stdout, &rekeyed.stderr].map(|said| String::from_utf8_lossy(said));
    assert_eq!(rekeyed.status.code(), Some(1), "{out}{err}");
    // The hash key and two accounts.
    assert!(out.contains("current key: 3\n"), "{out}{err}");
    assert!(err.contains("row 2 of tokens."), "{err}");

    execute(&service, "UPDATE tokens SET failures = 0 WHERE id = 2").await;
    let rekeyed = service.output(&["rekey"]).await;
    let out = String::from_utf8_lossy(&rekeyed.stdout);
    assert!(rekeyed.status.success(), "{out}");
    assert!(out.contains("current key: 1\n"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_header_of_one_value_costs_one_account() {
    let sandbox = sandbox::of_many(Duration::from_secs(300)).await;
    let mut service = Service::start_for(&sandbox).await;
    let (ada, eve) = (link(&service).await, link(&service).await);
    assert!(service.stop().await.success());
    // Overwrites a byte of the key id in the sealed value.
    let damage = "access_token = CAST(substr(access_token, 1, 4) || X'00' || substr(access_token, 6) AS BLOB)";
    execute(
        &service,
        &format!("UPDATE tokens SET {damage} WHERE id = 1"),
    )
    .await;
    service.run().await;
    get(&service, "/v1/token", &eve).await.expect(200);
    let answer = get(&service, "/v1/token", &ada).await.expect(500);
    assert_eq!(answer.json["code"], "internal_error", "{}", answer.text);
    let logs = service.logs();
    let named = logs
        .lines()
        .filter(|line| line.contains("sealed values are damaged"));
    let named: Vec<_> = named.collect();
    assert!(
        matches!(named[..], [line] if line.contains("row 1 of tokens")),
        "{logs}"
    );
    assert!(service.stop().await.success());

    let file = |name| format!("sqlite://{}", service.file(name).display());
    let (from, to) = (file("central-oauth.sqlite3"), file("new.sqlite3"));
    let copied = service
        .output(&["copy", "--from", &from, "--to", &to])
        .await;
    let err = String::from_utf8_lossy(&copied.stderr);
    assert_eq!(copied.status.code(), Some(1), "{err}");
    assert!(
        err.contains("AccessToken of row 1 of tokens, of account"),
        "{err}"
    );
    assert!(
        err.contains("(damaged, or sealed for another place)"),
        "{err}"
    );
    assert!(!service.file("new.sqlite3").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_names_all_rows_that_cannot_be_read() {
    let sandbox = sandbox::of_many(Duration::from_secs(300)).await;
    let mut service = Service::start_for(&sandbox).await;
    for _ in 0..3 {
        link(&service).await;
    }
    assert!(service.stop().await.success());
    execute(&service, "UPDATE tokens SET failures = 'x' WHERE id = 2").await;
    execute(&service, "UPDATE access_keys SET role = 1.5 WHERE id > 1").await;
    let file = |name| format!("sqlite://{}", service.file(name).display());
    let (from, to) = (file("central-oauth.sqlite3"), file("new.sqlite3"));
    let arguments = ["copy", "--from", &from, "--to", &to];
    let copied = service.output(&arguments).await;
    let err = String::from_utf8_lossy(&copied.stderr);
    assert_eq!(copied.status.code(), Some(1), "{err}");
    let rows = "row 2 of tokens, row 2 of access_keys, row 3 of access_keys; nothing can be copied";
    assert!(err.contains(rows), "{err}");
}
