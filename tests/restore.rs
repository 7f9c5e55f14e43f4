//! A restored backup: its refresh tokens are outdated.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use central_oauth_test_postgres::Cluster;
use central_oauth_test_sandbox::Sandbox;

use crate::support::accounts::{account, refresh};
use crate::support::http;
use crate::support::linking::link;
use crate::support::process::{self, eventually};
use crate::support::sandbox;
use crate::support::service::Service;
use crate::support::tokens::{token, works};

/// Longer than it takes to restore a backup and check it, even on a very slow machine.
const LIFETIME: Duration = Duration::from_secs(30);

/// Runs `restored`, as an operator does after restoring a backup.
async fn say_so(service: &Service) -> String {
    let output = service.output(&["restored"]).await;
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns the error of `restored`, which must refuse.
async fn refused(service: &Service) -> String {
    let output = service.output(&["restored"]).await;
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Backs up a file as documented. Returns whether the command reported success.
async fn back_up(database: &Path, backup: &Path) -> bool {
    let mut sqlite = process::command("sqlite3");
    sqlite.arg("-readonly").arg(database);
    sqlite.arg(format!(".backup '{}'", backup.display()));
    let status = sqlite.status().await;
    status.expect("sqlite3 cannot be run").success()
}

/// Starts a sandbox that rotates refresh tokens, and prepares a service that uses it.
async fn world() -> (Sandbox, Service) {
    let sandbox = sandbox::of_alice(LIFETIME).await;
    let service = Service::patient_for(&sandbox);
    (sandbox, service)
}

/// Starts the service on the restored database. Checks that the grant is marked, that its token is served, and that a
/// refresh is tried and gives the grant up.
async fn expect_gentle(sandbox: &Sandbox, service: &mut Service, key: &str) {
    let client = http::client();
    assert!(say_so(service).await.contains(": 1"));
    service.run().await;
    let doubted = account(&client, service, key).await;
    assert_eq!(doubted["status"], "degraded");
    assert_eq!(doubted["last_error"]["code"], "restored_from_backup");
    // The access token of the backup is still valid, and nothing is tried meanwhile.
    let answer = token(&client, service, key).await.expect(200);
    assert_eq!(answer.json["warning"]["code"], "restored_from_backup");
    assert!(works(&client, sandbox, answer.str("access_token")).await);

    eventually(
        Duration::from_secs(120),
        "the end of the grant",
        async || {
            let answer = token(&client, service, key).await;
            answer.status == 409
        },
    )
    .await;
    let told = account(&client, service, key).await;
    assert_eq!(told["status"], "relink_required");
    assert_eq!(told["last_error"]["code"], "invalid_grant");
    let detail = told["last_error"]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("restored from a backup"), "{detail}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_refresh_tokens_are_tried_gently_and_told() {
    let (sandbox, mut service) = world().await;
    service.run().await;
    assert!(refused(&service).await.contains("stop it"));
    let (client, key) = (http::client(), link(&service).await);
    let (database, backup) = (
        service.file("central-oauth.sqlite3"),
        service.file("backup"),
    );
    // The backup is made while the service runs.
    assert!(back_up(&database, &backup).await);
    // Uses the refresh token that is in the backup.
    refresh(&client, &service, &key).await.expect(200);
    service.stop().await;

    for rest in ["", "-wal", "-shm"] {
        let mut file = database.clone().into_os_string();
        file.push(rest);
        // After a clean stop there is only the first file.
        let _ = std::fs::remove_file(file);
    }
    std::fs::copy(&backup, &database).expect("no restore");
    // sqlite3 creates a file that everybody may read.
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&database, private).expect("no permissions");
    // The backup is seconds old, so the service still seems to run.
    assert!(refused(&service).await.contains("used this database"));
    let mut sqlite = process::command("sqlite3");
    let aged = sqlite.arg(&database).arg("UPDATE replicas SET seen_at = 0");
    assert!(aged.status().await.expect("no sqlite3").success());
    expect_gentle(&sandbox, &mut service, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_schema_stays_as_it_is_while_a_service_uses_it() {
    let mut service = Service::prepare(&[]);
    service.run().await;
    let ask = async |service: &Service, sql: &str| {
        let mut sqlite = process::command("sqlite3");
        sqlite.arg(service.file("central-oauth.sqlite3")).arg(sql);
        let output = sqlite.output().await.expect("no sqlite3");
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let counted = "SELECT count(*) FROM replicas";
    eventually(Duration::from_secs(30), "its presence", async || {
        ask(&service, counted).await == "1"
    })
    .await;
    // The row of a killed service looks like that of a running one.
    service.kill().await;
    let run = async |arguments: &[&str]| {
        let output = service.output(arguments).await;
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let down = run(&["migrate", "down", "--delete-data"]).await;
    assert!(down.contains("used this database"), "{down}");
    ask(&service, "UPDATE replicas SET seen_at = 1").await;
    // Rolls back to the first schema with a table of replicas.
    while !run(&["migrate", "status"]).await.contains("m0003_") {
        run(&["migrate", "down", "--delete-data"]).await;
    }
    // The migrations took a while, so the service must look as if it had been seen just now.
    let seen = "UPDATE replicas SET seen_at = strftime('%s', 'now') * 1000";
    ask(&service, seen).await;
    assert!(refused(&service).await.contains("used this database"));
    let status = run(&["migrate", "status"]).await;
    assert!(status.contains("pending: m0003_"), "{status}");
}

#[tokio::test]
async fn a_backup_of_a_file_that_is_not_there_fails_and_makes_none() {
    let folder = tempfile::tempdir().expect("no folder");
    let database = folder.path().join("db.sqlite3");
    assert!(!back_up(&database, &folder.path().join("backup")).await);
    assert!(!database.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_a_server_is_put_into_a_new_database() {
    let (cluster, (sandbox, mut service)) = (Cluster::shared(), world().await);
    // In PostgreSQL a role cannot create tables in somebody else's database.
    let database = cluster.create_owned_database();
    service.set("DATABASE_URL", &database.url);
    service.run().await;
    let (client, key) = (http::client(), link(&service).await);
    // The backup is made while the service runs.
    let backup = service.file("backup");
    cluster.back_up(&database, &backup);
    // Uses the refresh token that is in the backup.
    refresh(&client, &service, &key).await.expect(200);
    service.stop().await;

    let restored = cluster.restore(&database, &backup);
    service.set("DATABASE_URL", &restored.url);
    let name = restored.url.rsplit('/').next().unwrap_or_default();
    cluster.execute(name, "UPDATE replicas SET seen_at = 0");
    expect_gentle(&sandbox, &mut service, &key).await;
    // New rows get ids that no row of the backup has.
    service.run().await;
    let another = link(&service).await;
    token(&client, &service, &another).await.expect(200);
    service.stop().await;
}
