//! Measures concurrent writes of link codes and refreshes on SQLite and PostgreSQL. For comparison, also measures the
//! insertion of link codes into SQLite with sqlx alone. Nothing is asserted.
#![allow(clippy::unwrap_used, reason = "this is a benchmark")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use central_oauth_domain::grant::AccountId;
use central_oauth_domain::ports::{AccountStore, RefreshStore};
use central_oauth_store_seaorm::SeaOrmStore;
use criterion::{BenchmarkId, Criterion, Throughput};
use sea_orm::sqlx;
use sea_orm::sqlx::Connection as _;
use sea_orm::sqlx::sqlite::SqliteSynchronous;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use common::{LATER, NOW, OnDisk, OnServer, answer, audit, linked, pending};

/// Numbers of concurrent callers. With a single caller, each write needs its own commit.
const CALLERS: [u64; 2] = [1, 32];

/// Sequential writes of each caller per round.
const WRITES: u64 = 8;

/// A store with an account for each caller.
struct Callers {
    store: Arc<SeaOrmStore>,
    accounts: Vec<AccountId>,
    next_link: AtomicU64,
}

impl Callers {
    async fn new(store: Arc<SeaOrmStore>) -> Self {
        let mut accounts = Vec::new();
        for n in 0..32 {
            accounts.push(linked(&store, n, &format!("person {n}")).await.id);
        }
        Self {
            store,
            accounts,
            next_link: AtomicU64::new(1000),
        }
    }

    /// Measures how long it takes until every caller has claimed and recorded the refreshes of its own account.
    async fn refresh(&self, callers: u64) -> Duration {
        let started = Instant::now();
        let mut refreshing = JoinSet::new();
        for account in self.accounts.iter().copied().take(callers as usize) {
            let store = Arc::clone(&self.store);
            refreshing.spawn(async move {
                for n in 0..WRITES {
                    refresh(&store, account, &n.to_string()).await;
                }
            });
        }
        refreshing.join_all().await;
        started.elapsed()
    }

    /// Measures how long it takes until every caller has created its links.
    async fn create(&self, callers: u64) -> Duration {
        let links = self
            .next_link
            .fetch_add(callers * WRITES, Ordering::Relaxed);
        let started = Instant::now();
        let mut creating = JoinSet::new();
        for caller in 0..callers {
            let store = Arc::clone(&self.store);
            creating.spawn(async move {
                for n in 0..WRITES {
                    pending(&store, links + caller * WRITES + n).await;
                }
            });
        }
        creating.join_all().await;
        started.elapsed()
    }
}

async fn refresh(store: &SeaOrmStore, account: AccountId, answered: &str) {
    let seen = store.tokens(account).await.unwrap().unwrap();
    let claimed = store.claim_refresh(account, seen.lease.version, NOW, LATER);
    let claimed = claimed.await.unwrap();
    let (generation, lease) = (claimed.generation, claimed.lease.version);
    let tokens = answer(answered, answered);
    let recorded = store.record_refresh(account, generation, lease, tokens, audit());
    recorded.await.unwrap();
}

/// Inserts link codes with sqlx alone. Each transaction inserts one link per caller.
struct Bare {
    connection: SqliteConnection,
    next: i64,
    _on_disk: OnDisk,
}

impl Bare {
    async fn new() -> Self {
        let on_disk = OnDisk::new().await;
        let options = SqliteConnectOptions::new()
            .filename(on_disk.scratch.path())
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        Self {
            connection: SqliteConnection::connect_with(&options).await.unwrap(),
            next: 1,
            _on_disk: on_disk,
        }
    }

    async fn create(&mut self, links: u64) -> Duration {
        let started = Instant::now();
        for _ in 0..WRITES {
            self.create_group(links).await;
        }
        started.elapsed()
    }

    async fn create_group(&mut self, links: u64) {
        let mut txn = self.connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
        for _ in 0..links {
            self.next += 1;
            let hash = [self.next.to_be_bytes(); 4].concat();
            let key = "INSERT INTO access_keys (hash, role, created_at) VALUES (?, 'owner', ?) RETURNING id";
            let key = sqlx::query_scalar::<_, i64>(key)
                .bind(&hash)
                .bind(NOW.as_millis());
            let key = key.fetch_one(&mut *txn).await.unwrap();
            let link = "INSERT INTO device_codes (code_hash, provider, state, version, access_key_id, created_at, expires_at) \
                        VALUES (?, 'github', 'pending', 0, ?, ?, ?) RETURNING id";
            let link = sqlx::query_scalar::<_, i64>(link).bind(&hash).bind(key);
            let link = link.bind(NOW.as_millis()).bind(NOW.as_millis());
            link.fetch_one(&mut *txn).await.unwrap();
        }
        txn.commit().await.unwrap();
    }
}

/// Measures `round` with one caller and with many.
fn compare(
    criterion: &mut Criterion,
    runtime: &Runtime,
    name: &str,
    round: &mut impl AsyncFnMut(u64) -> Duration,
) {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(3));
    for callers in CALLERS {
        group.throughput(Throughput::Elements(callers * WRITES));
        group.bench_function(BenchmarkId::from_parameter(callers), |bencher| {
            bencher.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    took += runtime.block_on(round(callers));
                }
                took
            });
        });
    }
    group.finish();
}

fn main() {
    // `cargo test --all-targets` also starts benchmarks, without `--bench`.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let mut criterion = Criterion::default().configure_from_args();
    let on_disk = runtime.block_on(OnDisk::new());
    let on_server = runtime.block_on(OnServer::new());
    let stores = [
        ("SQLite", Arc::clone(&on_disk.store)),
        ("PostgreSQL", on_server.store),
    ];
    for (database, store) in stores {
        let all = runtime.block_on(Callers::new(store));
        let name = format!("claim_refresh and record_refresh, {database}");
        compare(&mut criterion, &runtime, &name, &mut async |callers| {
            all.refresh(callers).await
        });
        let name = format!("create_link, {database}");
        compare(&mut criterion, &runtime, &name, &mut async |callers| {
            all.create(callers).await
        });
    }
    let mut bare = runtime.block_on(Bare::new());
    let name = "the same insertions by sqlx alone, SQLite";
    compare(&mut criterion, &runtime, name, &mut async |callers| {
        bare.create(callers).await
    });
    criterion.final_summary();
}
