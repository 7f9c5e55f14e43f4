//! One service with its accounts, and what is measured of it.

use std::time::{Duration, Instant};

use central_oauth_clock_system::SystemClock;
use central_oauth_domain::ports::Clock as _;
use central_oauth_sandbox_poem::{AutoPerson, Sandbox, SandboxOptions};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use tokio::time::sleep;

use crate::asking::ask_for;
use crate::fill::{execute, raw};
use crate::grants::{self, Live};
use crate::report::Report;
use crate::running::Running;
use crate::support::service::Service;

const DATABASE: &str = "central-oauth.sqlite3";
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(10);
/// How long tokens are asked for at a time.
const ASK_FOR: Duration = Duration::from_secs(4);
/// How long refreshes may take, before those that are done are counted.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Scene {
    /// Its place in the report.
    column: usize,
    live: Live,
    _sandbox: Sandbox,
    service: Service,
    running: Option<Running>,
}

impl Scene {
    pub(super) async fn new(column: usize, accounts: u64) -> Self {
        let sandbox = sandbox().await;
        let service = Service::prepare_for(&sandbox);
        let database = service.file(DATABASE);
        let live = grants::fill(&database, accounts, &sandbox, SystemClock.now()).await;
        Self {
            column,
            live,
            _sandbox: sandbox,
            service,
            running: None,
        }
    }

    /// Starts it, once more where it runs.
    pub(super) async fn start(&mut self, report: &mut Report) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
        let (running, took) = Running::start(&self.service).await;
        let resident = running.memory().resident;
        self.running = Some(running);
        report.note(
            "start until ready, ms",
            self.column,
            took.as_secs_f64() * 1e3,
        );
        report.note("memory when ready, MB", self.column, resident);
    }

    /// Leaves it alone for a while.
    pub(super) async fn rest(&mut self, report: &mut Report) {
        let (before, start) = (self.running().cpu(), Instant::now());
        sleep(IDLE).await;
        let used = (self.running().cpu() - before) * 1e3 / start.elapsed().as_secs_f64();
        report.note("processor time while idle, ms/s", self.column, used);
        self.weigh("after 10 s of rest", report);
    }

    pub(super) async fn serve(&mut self, connections: usize, report: &mut Report) {
        let (before, start) = (self.running().cpu(), Instant::now());
        let answers = ask_for(&self.service, &self.live.keys, connections, ASK_FOR).await;
        let (answers, took) = (answers as f64, start.elapsed().as_secs_f64());
        let used = (self.running().cpu() - before) / answers;
        let on = format!("on {connections} connection(s)");
        report.note(
            &format!("GET /v1/token {on}, answers/s"),
            self.column,
            answers / took,
        );
        report.note(
            &format!("processor time of an answer {on}, µs"),
            self.column,
            used * 1e6,
        );
    }

    pub(super) fn weigh(&self, when: &str, report: &mut Report) {
        let memory = self.running().memory();
        report.note(&format!("memory {when}, MB"), self.column, memory.resident);
        let anonymous = format!("memory {when}, without mapped files, MB");
        report.note(&anonymous, self.column, memory.anonymous);
    }

    /// Makes all live accounts due at once.
    pub(super) async fn refresh(&mut self, report: &mut Report) {
        let db = raw(&self.service.file(DATABASE)).await;
        let (before, since) = (self.running().cpu(), SystemClock.now().as_millis());
        let these = self.live.accounts.iter().map(u64::to_string);
        let these = format!("account_id IN ({})", these.collect::<Vec<_>>().join(","));
        execute(
            &db,
            &format!("UPDATE tokens SET next_refresh_at = {since} WHERE {these}"),
        )
        .await;

        let start = Instant::now();
        let refreshed = format!("{these} AND last_refreshed_at >= {since}");
        let (mut done, mut took) = look(&db, &refreshed).await;
        while done < self.live.accounts.len() as f64 && start.elapsed() < PATIENCE {
            sleep(Duration::from_millis(200)).await;
            (done, took) = look(&db, &refreshed).await;
        }
        let used = self.running().cpu() - before;
        db.close().await.expect("cannot close the database");
        let due = self.live.accounts.len();
        report.note(
            &format!("refreshed of {due} due at once"),
            self.column,
            done,
        );
        report.note("refreshes/s", self.column, done / took);
        report.note(
            "processor time of a refresh, µs",
            self.column,
            used / done * 1e6,
        );
    }

    pub(super) async fn end(mut self, report: &mut Report) {
        self.weigh("after refreshing", report);
        report.note(
            "most memory ever, MB",
            self.column,
            self.running().memory().highest,
        );
        let database = std::fs::metadata(self.service.file(DATABASE)).expect("no database");
        report.note("database, MB", self.column, database.len() as f64 / 1e6);
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the service does not run")
    }
}

/// Its people consent at once, and its tokens last longer than this takes.
async fn sandbox() -> Sandbox {
    let options = SandboxOptions {
        auto_consent: Some(Duration::ZERO),
        auto_person: AutoPerson::SomebodyNew,
        access_token_ttl: Duration::from_secs(24 * 3600),
        ..SandboxOptions::default()
    };
    Sandbox::start(options).await.expect("no sandbox")
}

/// How many have been refreshed, and the seconds from the first request to the last recording.
async fn look(db: &DatabaseConnection, refreshed: &str) -> (f64, f64) {
    let query = format!(
        "SELECT count(*), coalesce(max(last_refreshed_at) - min(obtained_at), 0) FROM tokens WHERE {refreshed}"
    );
    let query = Statement::from_string(DbBackend::Sqlite, query);
    let row = db.query_one_raw(query).await.expect("cannot look");
    let row = row.expect("a count is a row");
    let number = |n| row.try_get_by_index::<i64>(n).expect("no number") as f64;
    (number(0), (number(1) / 1e3).max(1e-3))
}
