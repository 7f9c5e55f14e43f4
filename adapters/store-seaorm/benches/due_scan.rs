//! Measures the store's frequent queries with 1,000 and with 1,000,000 accounts, 100 of them due. Nothing is asserted.
//! The figures are in docs/PERFORMANCE.md.
#![allow(clippy::unwrap_used, reason = "this is a benchmark")]

#[path = "../tests/common/mod.rs"]
mod common;
mod fill;

use std::time::{Duration, Instant};

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::ports::{AccountStore, KeyStore, RefreshStore, SealStore};
use central_oauth_domain::secret::{KeyedHash, SealId};
use central_oauth_store_seaorm::SeaOrmStore;
use criterion::{BenchmarkId, Criterion};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, Statement};
use tokio::runtime::Runtime;

use common::{LATER, NOW, Scratch};
use fill::{Idle, PROVIDER, execute, raw};

const SIZES: [u64; 2] = [1_000, 1_000_000];
const DUE: u64 = 100;
const ELSEWHERE: &str = "elsewhere";
/// Number of keys that are looked up in turn. With a million accounts, their rows do not all fit into the page cache of
/// a connection.
const ASKERS: u64 = 50_000;

/// A database with a given number of accounts.
struct Stored {
    accounts: u64,
    store: SeaOrmStore,
    /// A connection that bypasses the store, to undo claims.
    behind: DatabaseConnection,
    keys: Vec<KeyedHash>,
    _scratch: Scratch,
}

impl Stored {
    async fn new(accounts: u64) -> Self {
        let scratch = Scratch::new();
        scratch.migrated().await.close().await.unwrap();
        let idle = Idle {
            accounts,
            seal: SealId([1; 5]),
            token_endpoint: "https://provider.example/token".to_owned(),
            now: NOW.as_millis(),
        };
        let url = format!("sqlite://{}", scratch.path().display());
        idle.fill(&url).await;
        let behind = raw(&url).await;
        let stored = Self {
            accounts,
            store: scratch.open().await,
            keys: keys(&behind, accounts).await,
            behind,
            _scratch: scratch,
        };
        stored.move_one(ELSEWHERE).await;
        stored.put_back().await;
        stored
    }

    /// Moves one account that is not due to another provider.
    async fn move_one(&self, provider: &str) {
        for (table, account) in [("accounts", "id"), ("tokens", "account_id")] {
            let sql = format!("UPDATE {table} SET provider = '{provider}' WHERE {account} = 1");
            execute(&self.behind, &sql).await;
        }
    }

    /// Makes 100 accounts due and removes their leases. They are spread evenly over all accounts.
    async fn put_back(&self) {
        let step = self.accounts / DUE;
        let due: Vec<_> = (1..=DUE).map(|n| (n * step).to_string()).collect();
        let (due, at) = (due.join(","), NOW.as_millis());
        let sql = format!(
            "UPDATE tokens SET next_refresh_at = {at} - account_id % 1000, lease_until = NULL, ambiguous = 0
             WHERE account_id IN ({due})"
        );
        execute(&self.behind, &sql).await;
    }

    async fn claim(&self, limit: u64) -> Duration {
        self.put_back().await;
        let start = Instant::now();
        let claimed = self
            .store
            .claim_due_refreshes(NOW, Duration::ZERO, LATER, limit, &[]);
        let claimed = claimed.await.unwrap();
        let took = start.elapsed();
        assert_eq!(claimed.len() as u64, limit);
        took
    }

    /// Reads from the store as `GET /v1/token` does.
    async fn read_token(&self, n: u64) {
        let place = usize::try_from(n).unwrap() % self.keys.len();
        let key = self.store.find_key(&self.keys[place]).await.unwrap();
        let Some(account) = key.unwrap().binding.account() else {
            panic!("a key of no account");
        };
        assert!(self.store.tokens(account).await.unwrap().is_some());
    }
}

/// Returns the keys of accounts that are spread evenly over the database.
async fn keys(db: &DatabaseConnection, accounts: u64) -> Vec<KeyedHash> {
    let step = (accounts / ASKERS).max(1);
    let sql = format!("SELECT hash FROM access_keys WHERE account_id % {step} = 0");
    let query = Statement::from_string(DbBackend::Sqlite, sql);
    let rows = db.query_all_raw(query).await.unwrap();
    let hash = |row: &QueryResult| row.try_get_by_index::<Vec<u8>>(0).unwrap();
    rows.iter()
        .map(|row| KeyedHash::from_bytes(hash(row).try_into().unwrap()))
        .collect()
}

/// Measures one query at both sizes. `ask` receives the number of the call and returns the measured duration.
fn compare(
    criterion: &mut Criterion,
    runtime: &Runtime,
    all: &[Stored],
    name: &str,
    ask: &impl AsyncFn(&Stored, u64) -> Duration,
) {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(4));
    for stored in all {
        let mut asked = 0;
        let id = BenchmarkId::from_parameter(stored.accounts);
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    asked += 1;
                    took += runtime.block_on(ask(stored, asked));
                }
                took
            });
        });
    }
    group.finish();
}

async fn timed<T>(question: impl Future<Output = T>) -> Duration {
    let start = Instant::now();
    question.await;
    start.elapsed()
}

/// Measures the queries that the scheduler runs every second and after every refresh.
fn scheduling(criterion: &mut Criterion, runtime: &Runtime, all: &[Stored]) {
    let next = async |stored: &Stored, busy: &[ProviderName]| {
        timed(async { stored.store.next_refresh_at(busy).await.unwrap() }).await
    };
    let (here, elsewhere) = (ProviderName::new(PROVIDER), ProviderName::new(ELSEWHERE));
    compare(
        criterion,
        runtime,
        all,
        "next_refresh_at",
        &async |stored: &Stored, _| next(stored, &[]).await,
    );
    compare(
        criterion,
        runtime,
        all,
        "next_refresh_at, the small provider busy",
        &async |stored: &Stored, _| next(stored, std::slice::from_ref(&elsewhere)).await,
    );
    compare(
        criterion,
        runtime,
        all,
        "next_refresh_at, the large provider busy",
        &async |stored: &Stored, _| next(stored, std::slice::from_ref(&here)).await,
    );
    for limit in [32, DUE] {
        let name = format!("claim_due_refreshes, {limit} of {DUE}");
        compare(
            criterion,
            runtime,
            all,
            &name,
            &async |stored: &Stored, _| stored.claim(limit).await,
        );
    }
}

fn reading(criterion: &mut Criterion, runtime: &Runtime, all: &[Stored]) {
    compare(
        criterion,
        runtime,
        all,
        "find_key and tokens",
        &async |stored: &Stored, n| timed(stored.read_token(n)).await,
    );
    compare(
        criterion,
        runtime,
        all,
        "seals_in_use",
        &async |stored: &Stored, _| {
            timed(async { stored.store.seals_in_use().await.unwrap() }).await
        },
    );
}

fn main() {
    // `cargo test --all-targets` also starts benchmarks, without `--bench`. A million rows would take too long there.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let all = SIZES.map(|accounts| runtime.block_on(Stored::new(accounts)));
    let mut criterion = Criterion::default().configure_from_args();
    scheduling(&mut criterion, &runtime, &all);
    reading(&mut criterion, &runtime, &all);
    criterion.final_summary();
}
