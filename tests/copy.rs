//! Copies from SQLite to PostgreSQL with the real binary, which is killed meanwhile: keys still give access to the same
//! accounts, and no refresh token is used twice.

use std::collections::BTreeSet;
use std::process::Output;
use std::time::Duration;

use central_oauth_test_postgres::Cluster;
use central_oauth_test_sandbox::{RefreshOutcome, Sandbox};
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::support::accounts::refresh;
use crate::support::http;
use crate::support::linking::link;
use crate::support::process::eventually;
use crate::support::sandbox;
use crate::support::service::Service;
use crate::support::tokens::working_token_at;

const ACCOUNTS: usize = 12;
const LIFETIME: Duration = Duration::from_secs(4);

/// Starts a sandbox where each link is another person, who consents automatically. It ends a grant whose refresh token
/// is used twice.
async fn sandbox() -> Sandbox {
    sandbox::of_many(LIFETIME).await
}

fn database(service: &Service) -> String {
    format!(
        "sqlite://{}",
        service.file("central-oauth.sqlite3").display()
    )
}

async fn copy(service: &Service, arguments: &[&str]) -> Output {
    service.output(&[&["copy"], arguments].concat()).await
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    format!("{out}{err}")
}

#[track_caller]
fn expect_refused(output: &Output, why: &str) {
    let said = said(output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains(why), "{said}");
    assert!(!said.contains(Cluster::shared().password()), "{said}");
}

/// Adds rows without accounts, so that a copy takes long enough to be killed in.
async fn add_links(service: &Service, count: usize) {
    let client = http::client();
    for _ in 0..count {
        let request = client.post(service.url("/v1/link-code"));
        http::send(request).await.expect(201);
    }
}

/// Checks that every account has its owner and a working token, and can be refreshed once more.
async fn expect_working(sandbox: &Sandbox, service: &Service, keys: &[String]) {
    let client = http::client();
    let mut accounts = BTreeSet::new();
    for key in keys {
        let at = service.url("/v1/token?min_ttl=2");
        working_token_at(&client, &at, sandbox, key).await;
        let refreshed = refresh(&client, service, key).await.expect(200);
        assert_eq!(refreshed.str("status"), "active");
        accounts.insert(refreshed.str("id").to_owned());
    }
    assert_eq!(accounts.len(), keys.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_moves_to_postgresql() {
    let (sandbox, target) = (sandbox().await, Cluster::shared().create_database());
    let mut service = Service::start_for(&sandbox).await;
    let mut keys = join_all((0..ACCOUNTS).map(|_| link(&service))).await;
    add_links(&service, 600).await;
    let (from, to) = (database(&service), target.url.clone());
    let arguments = ["--from", &from, "--to", &to];
    let in_use = copy(&service, &arguments).await;
    expect_refused(&in_use, "is in use: stop the service");
    assert_eq!(tables(&target.name), "0", "nothing is written before");

    assert!(service.stop().await.success());
    make_slow(&target.name);
    // Kills the copy at its start, while it creates its tables.
    let mut delay = 40;
    while !has_tables(&target.name) {
        killed_after(&service, &arguments, delay).await;
        delay += delay / 4;
    }
    killed_once_further(&service, &arguments, &target.name).await;
    // The service runs again in between: it refreshes every account, and a new account is linked.
    service.run().await;
    sleep(LIFETIME + Duration::from_secs(1)).await;
    keys.push(link(&service).await);
    assert!(service.stop().await.success());
    killed_once_further(&service, &arguments, &target.name).await;
    // Kills the copy at any moment up to its end.
    make_fast(&target.name);
    while !state(&target.name).1 {
        killed_after(&service, &arguments, delay).await;
        delay += delay / 10;
    }
    let again = copy(&service, &arguments).await;
    expect_refused(&again, "is complete already");

    service.set("DATABASE_URL", &to);
    service.run().await;
    expect_working(&sandbox, &service, &keys).await;
    sleep(LIFETIME).await;
    expect_working(&sandbox, &service, &keys).await;
    let new = link(&service).await;
    expect_working(&sandbox, &service, &[new]).await;
    expect_none_presented_twice(&sandbox);
    assert!(service.stop().await.success());
    expect_verified(&service).await;
}

/// Asserts that the audit log contains what happened before the copy and after it, and that nobody has changed it.
async fn expect_verified(service: &Service) {
    let output = service.output(&["audit", "verify"]).await;
    assert!(output.status.success(), "{}", said(&output));
    let exported = said(&service.output(&["audit", "export"]).await);
    let linked = exported.matches("link.linked").count();
    // One link was completed between two copies, and one after the last.
    assert_eq!(linked, ACCOUNTS + 2, "{exported}");
}

async fn killed_after(service: &Service, arguments: &[&str], millis: u64) {
    let mut command = service.command(&[&["copy"], arguments].concat());
    let mut copy = command.spawn().expect("copy does not run");
    sleep(Duration::from_millis(millis)).await;
    copy.kill().await.expect("cannot kill the copy");
}

/// Kills a copy after it has copied rows.
async fn killed_once_further(service: &Service, arguments: &[&str], database: &str) {
    let before = state(database);
    let mut command = service.command(&[&["copy"], arguments].concat());
    let mut copy = command.spawn().expect("copy does not run");
    eventually(Duration::from_secs(120), "a copy on its way", async || {
        // On a very busy machine the copy may get no connection in time.
        if copy.try_wait().expect("the copy is lost").is_some() {
            copy = command.spawn().expect("copy does not run");
        }
        state(database) != before
    })
    .await;
    copy.kill().await.expect("cannot kill the copy");
    let (rows, is_complete) = state(database);
    assert!(rows > 0 && !is_complete, "not killed on its way");
}

/// Slows down the insertion of access keys, so that a copy takes seconds on any machine.
fn make_slow(database: &str) {
    let sql = "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS \
               'BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END'; \
               CREATE FUNCTION make_slow() RETURNS event_trigger LANGUAGE plpgsql AS \
               'BEGIN \
                  IF to_regclass(''access_keys'') IS NOT NULL THEN \
                    DROP TRIGGER IF EXISTS linger ON access_keys; \
                    CREATE TRIGGER linger BEFORE INSERT ON access_keys \
                    FOR EACH ROW EXECUTE FUNCTION linger(); \
                  END IF; \
                END'; \
               CREATE EVENT TRIGGER make_slow ON ddl_command_end WHEN TAG IN ('CREATE TABLE') \
               EXECUTE FUNCTION make_slow()";
    Cluster::shared().execute(database, sql);
}

fn make_fast(database: &str) {
    let sql = "DROP EVENT TRIGGER make_slow; DROP FUNCTION make_slow; DROP FUNCTION linger CASCADE";
    Cluster::shared().execute(database, sql);
}

fn has_tables(database: &str) -> bool {
    let names = "ARRAY['accounts', 'access_keys', 'service_keys']";
    let sql = format!("SELECT bool_and(to_regclass(name) IS NOT NULL) FROM unnest({names}) name");
    Cluster::shared().execute(database, &sql) == "t"
}

fn expect_none_presented_twice(sandbox: &Sandbox) {
    let ledger = sandbox.ledger();
    assert!(ledger.is_complete());
    let (mut seen, all) = (Vec::new(), ledger.presentations());
    assert!(all.len() >= 3 * ACCOUNTS, "{} refreshes", all.len());
    for presentation in all {
        let token = presentation.refresh_token;
        assert_eq!(presentation.outcome, RefreshOutcome::Rotated);
        assert!(!seen.contains(&token), "{presentation:?}");
        seen.push(token);
    }
}

/// Returns how many rows a copy has copied so far, and whether it has ended.
fn state(database: &str) -> (u64, bool) {
    if !has_tables(database) {
        return (0, false);
    }
    let sql = "SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM access_keys), \
               (SELECT count(*) FROM service_keys)";
    let answer = Cluster::shared().execute(database, sql);
    let (rows, keys) = answer.split_once('|').expect("two columns");
    (rows.parse().expect("a number"), keys == "1")
}

fn tables(database: &str) -> String {
    let sql = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    Cluster::shared().execute(database, sql)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_copy_is_not_served() {
    let (sandbox, target) = (sandbox().await, Cluster::shared().create_database());
    let mut service = Service::start_for(&sandbox).await;
    let key = link(&service).await;
    assert!(service.stop().await.success());
    let (from, to) = (database(&service), target.url.clone());
    // Copies everything, and then removes what the last transaction of a copy writes.
    assert!(
        copy(&service, &["--from", &from, "--to", &to])
            .await
            .status
            .success()
    );
    Cluster::shared().execute(&target.name, "DELETE FROM service_keys");

    service.set("DATABASE_URL", &to);
    assert!(!service.run_to_the_end().await.success());
    let logs = service.logs();
    assert!(logs.contains("is an unfinished copy"), "{logs}");
    // Without options, the source and the destination are those of the service's settings.
    let done = copy(&service, &[]).await;
    assert!(done.status.success(), "{}", said(&done));
    service.run().await;
    expect_working(&sandbox, &service, &[key]).await;
    assert!(service.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_before_anything_is_written() {
    let (sandbox, target) = (sandbox().await, Cluster::shared().create_database());
    let mut service = Service::patient_for(&sandbox);
    let (from, to) = (database(&service), target.url.clone());
    let nothing = copy(&service, &["--to", &to]).await;
    expect_refused(&nothing, "there is no database at");
    assert!(!service.file("central-oauth.sqlite3").exists());
    service.run().await;
    assert!(service.stop().await.success());

    let nowhere = copy(&service, &["--from", &from]).await;
    expect_refused(&nowhere, "CENTRAL_OAUTH_DATABASE_URL");
    assert_eq!(nowhere.status.code(), Some(2));
    let itself = copy(&service, &["--to", &from]).await;
    expect_refused(&itself, "is the same database as the source");
    let odd = to.replace("postgres://", "mysql://");
    expect_refused(&copy(&service, &["--to", &odd]).await, "mysql://");
    let secret = Service::SECRET_KEY.replace('0', "1");
    service.set("SECRET_KEY", &secret);
    let wrong = copy(&service, &["--to", &to]).await;
    expect_refused(
        &wrong,
        "CENTRAL_OAUTH_SECRET_KEY: does not open this database",
    );
    assert_eq!(tables(&target.name), "0");
}
