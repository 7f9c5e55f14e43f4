//! How many tokens one, two and three replicas of the real binary hand out and refresh on one PostgreSQL, as ratios in
//! one run. Measured, not asserted; docs/PERFORMANCE.md has the figures.
//!
//! ```text
//! cargo bench --bench replicas
//! ```
//!
//! The numbers of replicas are measured in turn, several times, so that whatever else the machine does meanwhile hits
//! all of them.

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "the other benchmark uses more of it")]
mod asking;

use std::sync::Arc;
use std::time::{Duration, Instant};

use asking::ask_for;
use central_oauth_sandbox_poem::{AutoPerson, Sandbox, SandboxOptions};
use central_oauth_test_postgres::{Cluster, Database};
use futures_util::future::join_all;
use support::linking::link;
use support::service::Service;
use tokio::time::sleep;

const MOST: usize = 3;
const ACCOUNTS: usize = 300;
/// Accounts that are linked at one time.
const AT_ONCE: usize = 10;
const CONNECTIONS: usize = 24;
const ROUNDS: usize = 5;
/// How long tokens are asked for at a time.
const ASK_FOR: Duration = Duration::from_secs(4);
/// How long refreshes may take, before those that are done are counted.
const PATIENCE: Duration = Duration::from_secs(60);
/// The whole of it takes no longer.
const LIMIT: Duration = Duration::from_secs(1200);

/// What was measured with each number of replicas, by round.
#[derive(Default)]
struct Measured {
    tokens: [Vec<f64>; MOST],
    refreshes: [Vec<f64>; MOST],
}

struct Scene {
    _sandbox: Sandbox,
    cluster: Cluster,
    database: Database,
    replicas: Vec<Service>,
    running: usize,
    keys: Arc<Vec<String>>,
}

fn main() {
    // `cargo test --all-targets` starts benchmarks too, to see whether they run.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("no runtime");
    runtime.block_on(support::process::within(LIMIT, "the benchmark", run()));
}

async fn run() {
    let mut scene = Scene::new().await;
    let mut measured = Measured::default();
    for round in 0..ROUNDS {
        for turn in 0..MOST {
            // Not always the same one first.
            let place = (round + turn) % MOST;
            scene.let_run(place + 1).await;
            measured.tokens[place].push(scene.serve().await);
            measured.refreshes[place].push(scene.refresh().await);
        }
    }
    measured.print();
    scene.let_run(0).await;
}

impl Scene {
    async fn new() -> Self {
        let options = SandboxOptions {
            auto_consent: Some(Duration::ZERO),
            auto_person: AutoPerson::SomebodyNew,
            interval: Duration::from_secs(1),
            // Longer than all of it takes.
            access_token_ttl: Duration::from_secs(24 * 3600),
            ..SandboxOptions::default()
        };
        let sandbox = Sandbox::start(options).await.expect("no sandbox");
        let cluster = Cluster::start();
        let database = cluster.create_database();
        let replicas = (0..MOST).map(|_| {
            let mut replica = Service::prepare_for(&sandbox);
            replica.set("DATABASE_URL", &database.url);
            replica.set("LOG", "warn");
            replica
        });
        let mut scene = Self {
            replicas: replicas.collect(),
            _sandbox: sandbox,
            cluster,
            database,
            running: 0,
            keys: Arc::default(),
        };
        scene.let_run(1).await;
        scene.keys = Arc::new(scene.link().await);
        scene
    }

    async fn link(&self) -> Vec<String> {
        let mut keys = Vec::new();
        while keys.len() < ACCOUNTS {
            let links = (0..AT_ONCE).map(|_| link(&self.replicas[0]));
            keys.extend(join_all(links).await);
        }
        keys
    }

    /// Starts or stops replicas until so many run.
    async fn let_run(&mut self, count: usize) {
        while self.running < count {
            self.replicas[self.running].run().await;
            self.running += 1;
        }
        while self.running > count {
            self.running -= 1;
            self.replicas[self.running].stop().await;
        }
    }

    /// Answers to `GET /v1/token` a second, on the same number of connections in all.
    async fn serve(&self) -> f64 {
        let (each, start) = (CONNECTIONS / self.running, Instant::now());
        let running = self.replicas[..self.running].iter();
        let answers = running.map(|replica| ask_for(replica, &self.keys, each, ASK_FOR));
        let answers: u64 = join_all(answers).await.into_iter().sum();
        answers as f64 / start.elapsed().as_secs_f64()
    }

    /// Refreshes a second, all accounts being due at once.
    async fn refresh(&self) -> f64 {
        let since = self.ask("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint");
        self.ask(&format!("UPDATE tokens SET next_refresh_at = {since}"));
        let done = format!("FROM tokens WHERE last_refreshed_at >= {since}");
        let (count, start) = (format!("SELECT count(*) {done}"), Instant::now());
        while self.ask(&count) != ACCOUNTS.to_string() {
            assert!(start.elapsed() < PATIENCE, "{} are done", self.ask(&count));
            sleep(Duration::from_millis(100)).await;
        }
        let took = format!("SELECT max(last_refreshed_at) - min(obtained_at) {done}");
        let took: f64 = self.ask(&took).parse().expect("a number");
        ACCOUNTS as f64 / (took / 1e3).max(1e-3)
    }

    fn ask(&self, sql: &str) -> String {
        self.cluster.execute(&self.database.name, sql)
    }
}

impl Measured {
    fn print(mut self) {
        let rows = [
            ("GET /v1/token, answers/s", &mut self.tokens),
            ("refreshes/s", &mut self.refreshes),
        ];
        for (what, columns) in rows {
            let medians = columns.each_mut().map(|all| median(all));
            for (place, all) in columns.iter().enumerate() {
                let (median, ratio) = (medians[place], medians[place] / medians[0]);
                let (low, high) = (all[0], all[all.len() - 1]);
                let replicas = place + 1;
                println!(
                    "{what}, {replicas} replica(s): {median:.0} ({low:.0} to {high:.0}), ratio {ratio:.2}"
                );
            }
        }
    }
}

/// The one in the middle; sorts them.
fn median(all: &mut [f64]) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all[all.len() / 2]
}
