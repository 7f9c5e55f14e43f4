//! The database file: its permissions, its key, and commands that must not change it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::machine::{Machine, Run, mode, names};
use crate::support::http;
use crate::support::service::Service;

const OTHER_KEY: &str = "ffeeddccbbaa99887766554433221100f0e0d0c0b0a090807060504030201000";

/// A service whose database has a folder of its own.
struct Kept {
    machine: Machine,
    service: Service,
}

impl Kept {
    async fn start() -> Self {
        let machine = Machine::new();
        let path = machine.work().join("db.sqlite3");
        let service = Service::start(&[("DB_PATH", path.to_str().unwrap())]).await;
        Self { machine, service }
    }

    fn path(&self) -> PathBuf {
        self.machine.work().join("db.sqlite3")
    }

    async fn run(&self, settings: &[(&str, &str)], arguments: &[&str]) -> Run {
        let good = [
            ("DB_PATH", "db.sqlite3"),
            ("LISTEN_ADDR", "127.0.0.1:0"),
            ("SECRET_KEY", Service::SECRET_KEY),
        ];
        let settings = [&good[..], settings].concat();
        self.machine.run_with(&settings, arguments).await
    }

    /// Starts `serve` with the other key, and expects it to change nothing.
    async fn refuses_other_key(&self) {
        assert!(self.is_left_alone_with_other_key().await);
    }

    /// Starts `serve` with the other key. Returns whether no file has changed meanwhile.
    async fn is_left_alone_with_other_key(&self) -> bool {
        let before = contents(&self.machine.work());
        assert!(before.values().map(Vec::len).sum::<usize>() > 8192);
        let run = self.run(&[("SECRET_KEY", OTHER_KEY)], &["serve"]).await;
        let run = run.expect(1);
        let expected = "central-oauth: CENTRAL_OAUTH_SECRET_KEY: does not open this database";
        assert!(run.only_line().starts_with(expected), "{run:?}");
        assert!(!run.stderr.contains(OTHER_KEY), "{run:?}");
        // The shared memory of the write-ahead log lists current readers and has no data.
        let data = |mut files: BTreeMap<String, Vec<u8>>| {
            files
                .entry("db.sqlite3-shm".to_owned())
                .and_modify(Vec::clear);
            files
        };
        data(before) == data(contents(&self.machine.work()))
    }
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| {
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        (name, bytes)
    };
    names(folder).into_iter().map(read).collect()
}

#[tokio::test]
async fn a_new_file_can_be_read_by_its_owner_alone() {
    let kept = Kept::start().await;
    let files = names(&kept.machine.work());
    assert!(files.contains(&"db.sqlite3".to_owned()), "{files:?}");
    for file in files {
        assert_eq!(mode(&kept.machine.work().join(&file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_changes_nothing() {
    let mut kept = Kept::start().await;
    kept.service.stop().await;
    kept.run(&[], &["migrate"]).await.expect(0);
    assert_eq!(names(&kept.machine.work()), ["db.sqlite3"]);
    kept.refuses_other_key().await;
}

#[tokio::test]
async fn a_stop_leaves_one_file() {
    let mut kept = Kept::start().await;
    assert!(kept.service.stop().await.success());
    assert_eq!(names(&kept.machine.work()), ["db.sqlite3"]);
}

#[tokio::test]
async fn a_wrong_key_is_refused_after_a_crash_too() {
    let mut kept = Kept::start().await;
    kept.service.kill().await;
    kept.refuses_other_key().await;
    kept.service.run().await;
}

#[tokio::test]
async fn a_wrong_key_is_refused_beside_a_running_service() {
    let kept = Kept::start().await;
    // The running service writes now and then, but not all the time.
    let mut is_left_alone = false;
    for _ in 0..5 {
        is_left_alone |= kept.is_left_alone_with_other_key().await;
    }
    assert!(is_left_alone);
    let ready = http::client().get(kept.service.url("/v1/readyz"));
    http::send(ready).await.expect(200);
}

#[tokio::test]
async fn a_previous_key_opens_it() {
    let mut kept = Kept::start().await;
    kept.service.stop().await;
    let first = Service::SECRET_KEY;
    kept.service.set("SECRET_KEY", OTHER_KEY);
    kept.service.set(
        "PREVIOUS_SECRET_KEYS",
        &format!("{}, {first}", "0".repeat(64)),
    );
    kept.service.run().await;
    let ready = http::client().get(kept.service.url("/v1/readyz"));
    http::send(ready).await.expect(200);
}

#[tokio::test]
async fn migrates_up_down_and_says_where_it_stands() {
    const UP_TO_DATE: &str = "The schema is up to date.\n";
    let machine = Machine::new();
    for question in [&["status"][..], &["down", "--delete-data"]] {
        let arguments = [&["migrate"], question].concat();
        let run = machine.run(&arguments).await.expect(1);
        assert!(
            run.only_line()
                .ends_with(": check CENTRAL_OAUTH_DATABASE_URL or CENTRAL_OAUTH_DB_PATH"),
            "{run:?}"
        );
    }
    assert_eq!(names(&machine.work()), [""; 0]);

    // The URL overrides the path, which the container image sets.
    let database = [
        ("DATABASE_URL", "sqlite://here.sqlite3"),
        ("DB_PATH", "elsewhere.sqlite3"),
    ];
    let migrate = async |arguments: &[&str]| {
        let arguments = [&["migrate"], arguments].concat();
        let run = machine.run_with(&database, &arguments).await.expect(0);
        assert_eq!(run.stderr, "");
        run.stdout
    };
    assert_eq!(migrate(&[]).await, UP_TO_DATE);
    assert_eq!(names(&machine.work()), ["here.sqlite3"]);
    assert_eq!(mode(&machine.work().join("here.sqlite3")), 0o600);
    assert_eq!(migrate(&["status"]).await, UP_TO_DATE);
    let unsure = machine.run_with(&database, &["migrate", "down"]).await;
    unsure.expect(2);
    assert_eq!(migrate(&["status"]).await, UP_TO_DATE);
    let pending = migrate(&["down", "--delete-data"]).await;
    assert!(pending.starts_with("pending: m"), "{pending}");
    assert_eq!(migrate(&["status"]).await, pending);
    assert_eq!(migrate(&["up"]).await, UP_TO_DATE);
}

const MAINTENANCE: [&[&str]; 4] = [
    &["audit", "verify"],
    &["audit", "export"],
    &["rekey"],
    &["restored"],
];

/// Such a database is probably not the service's, or a restore into it has failed.
#[tokio::test]
async fn no_maintenance_of_a_database_that_no_service_has_used() {
    let machine = Machine::new();
    let settings = [
        ("DB_PATH", "db.sqlite3"),
        ("SECRET_KEY", Service::SECRET_KEY),
    ];
    let expect_refused = async || {
        let before = contents(&machine.work());
        for arguments in MAINTENANCE {
            let run = machine.run_with(&settings, arguments).await.expect(1);
            let line = run.only_line();
            assert!(line.contains("no service has used this database"), "{line}");
            assert!(before == contents(&machine.work()), "{arguments:?}");
        }
    };
    std::fs::write(machine.work().join("db.sqlite3"), "").unwrap();
    expect_refused().await;
    machine.run_with(&settings, &["migrate"]).await.expect(0);
    expect_refused().await;
}

/// Replicas of an earlier version may still be running, so these commands must not migrate.
#[tokio::test]
async fn rekey_and_audit_leave_the_schema_alone() {
    let mut kept = Kept::start().await;
    kept.service.stop().await;
    let down = kept.run(&[], &["migrate", "down", "--delete-data"]).await;
    let pending = down.expect(0).stdout;
    for arguments in &MAINTENANCE[..3] {
        let run = kept.run(&[], arguments).await.expect(1);
        let line = run.only_line();
        assert!(line.ends_with("run `central-oauth migrate`"), "{line}");
        let status = kept.run(&[], &["migrate", "status"]).await.expect(0);
        assert_eq!(status.stdout, pending, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let mut kept = Kept::start().await;
    kept.service.stop().await;
    let down = ["migrate", "down", "--delete-data"];
    let down = kept.run(&[], &down).await.expect(0);
    let newest = down.stdout.lines().next().unwrap();
    let newest = newest.strip_prefix("pending: ").unwrap().to_owned();
    kept.run(&[], &["migrate", "up"]).await.expect(0);
    rename_migration(&kept.path(), &newest);

    let before = contents(&kept.machine.work());
    for arguments in [
        &["serve"][..],
        &["migrate", "up"],
        &["migrate", "down", "--delete-data"],
        &["migrate", "status"],
    ] {
        let run = kept.run(&[], arguments).await.expect(1);
        assert!(run.only_line().contains("newer version"), "{run:?}");
        assert!(before == contents(&kept.machine.work()), "{arguments:?}");
    }
}

/// Renames a migration, as if a later version had applied it. SQLite stores its name as plain text in the table and the
/// index.
fn rename_migration(path: &Path, name: &str) {
    let mut bytes = std::fs::read(path).unwrap();
    let places: Vec<_> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(name.as_bytes()))
        .collect();
    assert!(!places.is_empty(), "{name} is not in the file");
    for at in places {
        bytes[at + name.len() - 1] = b'~';
    }
    std::fs::write(path, bytes).unwrap();
}
