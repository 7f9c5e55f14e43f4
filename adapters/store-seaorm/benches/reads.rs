//! Cost of a token request at the store: the two queries of other routes (`find_key`, then `tokens`), the one statement
//! of `open_key`, and one query that confirms a thousand cached answers. Measured, not asserted.
#![allow(clippy::unwrap_used, reason = "this is a benchmark")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use central_oauth_domain::grant::{AccessKeyId, NewGrant};
use central_oauth_domain::ports::{AccountStore, KeyStore, LinkStore, ReadStore, RowVersion};
use central_oauth_domain::secret::Sealed;
use central_oauth_store_seaorm::SeaOrmStore;
use tokio::task::JoinSet;

use common::{NOW, OnDisk, OnServer, audit, authorizing, grant, key, macs};

const ACCOUNTS: u64 = 1_000;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(700);

async fn fill(store: &SeaOrmStore) {
    for n in 0..ACCOUNTS {
        let link = authorizing(store, n).await;
        let sealed = |length| Sealed::from_bytes(vec![7; length]);
        let grant = NewGrant {
            access_token: sealed(1_200),
            refresh_token: Some(sealed(900)),
            ..grant(&n.to_string())
        };
        store
            .complete_link(&link, grant, NOW, macs(), audit())
            .await
            .unwrap();
    }
}

async fn by_two_questions(store: &SeaOrmStore, n: u64) {
    let found = store.find_key(&key(n)).await.unwrap().unwrap();
    let Some(account) = found.binding.account() else {
        panic!("a key of no account");
    };
    assert!(store.tokens(account).await.unwrap().is_some());
}

async fn by_one_question(store: &SeaOrmStore, n: u64) {
    let opened = store.open_key(&key(n)).await.unwrap().unwrap();
    assert!(opened.grant.is_some());
}

/// Returns answers per second with this many concurrent callers.
async fn rate<F>(
    store: &Arc<SeaOrmStore>,
    askers: u64,
    ask: impl Fn(Arc<SeaOrmStore>, u64) -> F + Copy + Send + 'static,
) -> f64
where
    F: Future<Output = ()> + Send,
{
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for asker in 0..askers {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            let mut asked = 0;
            while began.elapsed() < ROUND {
                ask(Arc::clone(&store), (asked * 7 + asker * 31) % ACCOUNTS).await;
                asked += 1;
            }
            asked
        });
    }
    let asked: u64 = tasks.join_all().await.iter().sum();
    asked as f64 / began.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

async fn compare(name: &str, store: &Arc<SeaOrmStore>) {
    for askers in [1, 32] {
        let (mut two, mut one) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            two.push(
                rate(store, askers, |store, n| async move {
                    by_two_questions(&store, n).await;
                })
                .await,
            );
            one.push(
                rate(store, askers, |store, n| async move {
                    by_one_question(&store, n).await;
                })
                .await,
            );
        }
        let (two, one) = (median(two), median(one));
        println!(
            "{name}, {askers:2} at a time: {two:7.0}/s by two questions, {one:7.0}/s by one: {:.1} times",
            one / two
        );
    }
    let mut seen: Vec<(AccessKeyId, RowVersion)> = Vec::new();
    for n in 0..ACCOUNTS {
        let opened = store.open_key(&key(n)).await.unwrap().unwrap();
        seen.push((opened.holder.id, opened.grant.unwrap().version));
    }
    let mut took = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(store.changed(&seen).await.unwrap(), []);
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    println!(
        "{name}: {:.1} ms to confirm {ACCOUNTS} answers",
        median(took)
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let file = OnDisk::new().await;
        fill(&file.store).await;
        compare("SQLite", &file.store).await;
        let server = OnServer::new().await;
        fill(&server.store).await;
        compare("PostgreSQL", &server.store).await;
    });
}
