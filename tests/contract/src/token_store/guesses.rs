//! Limits of wrong codes, shared by all replicas.

use std::time::Duration;

use central_oauth_domain::link::{Guess, GuessLimit, WrongCodeCounts};
use central_oauth_domain::ports::TokenStore;
use central_oauth_domain::secret::KeyedHash;
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

const LIMIT: GuessLimit = GuessLimit::new(LIFETIME);
const PER_NETWORK: usize = GuessLimit::PER_ADDRESS;
const OF_ALL: usize = GuessLimit::SERVICE_WIDE;

/// Returns a wrong code from a network, at a second.
const fn wrong(network: usize, second: u64) -> (usize, u64, bool) {
    (network, second, true)
}

const fn right(network: usize, second: u64) -> (usize, u64, bool) {
    (network, second, false)
}

async fn admit(
    store: &dyn TokenStore,
    (network, second, is_wrong): (usize, u64, bool),
) -> Result<WrongCodeCounts, Duration> {
    let guess = Guess {
        network: KeyedHash::from_bytes([network as u8; 32]),
        at: at(second),
        is_wrong,
    };
    store.admit_guess(&guess, LIMIT).await.unwrap()
}

const fn before(of_network: usize, of_all: usize) -> WrongCodeCounts {
    WrongCodeCounts { of_network, of_all }
}

pub(super) async fn wrong_ones_are_counted_by_network(fixture: &dyn Fixture) {
    let store = fixture.store();
    for n in 0..PER_NETWORK {
        assert_eq!(admit(&*store, wrong(1, 0)).await, Ok(before(n, n)));
    }
    assert_eq!(admit(&*store, wrong(1, 100)).await, Err(secs(500)));
    assert_eq!(admit(&*store, right(1, 100)).await, Err(secs(500)));
    let other = admit(&*store, wrong(2, 100)).await;
    assert_eq!(other, Ok(before(0, PER_NETWORK)), "refused ones count not");
}

pub(super) async fn wrong_ones_are_counted_for_all(fixture: &dyn Fixture) {
    let store = fixture.store();
    for n in 0..OF_ALL {
        let borne = admit(&*store, wrong(n, n as u64)).await;
        assert_eq!(borne, Ok(before(0, n)));
    }
    assert_eq!(admit(&*store, wrong(7, 100)).await, Err(secs(500)));
    assert_eq!(admit(&*store, right(7, 599)).await, Err(secs(1)));
    let once_more = admit(&*store, wrong(7, 600)).await;
    assert_eq!(once_more, Ok(before(1, OF_ALL - 1)));
    assert_eq!(admit(&*store, wrong(8, 600)).await, Err(secs(1)));
    // Although the limit is reached, a network without wrong codes may still try one.
    assert_eq!(admit(&*store, right(201, 600)).await, Ok(before(0, OF_ALL)));
    assert_eq!(admit(&*store, wrong(201, 600)).await, Ok(before(0, OF_ALL)));
    assert_eq!(admit(&*store, right(201, 600)).await, Err(secs(2)));
}

pub(super) async fn right_ones_use_nothing_up(fixture: &dyn Fixture) {
    let store = fixture.store();
    for _ in 0..=PER_NETWORK {
        assert_eq!(admit(&*store, right(1, 0)).await, Ok(before(0, 0)));
    }
    assert_eq!(admit(&*store, wrong(1, 0)).await, Ok(before(0, 0)));
}

pub(super) async fn a_network_s_latest_ones_decide(fixture: &dyn Fixture) {
    let store = fixture.store();
    for second in 0..PER_NETWORK as u64 {
        admit(&*store, wrong(1, second)).await.unwrap();
    }
    assert_eq!(admit(&*store, wrong(1, 599)).await, Err(secs(1)));
    let once_more = admit(&*store, wrong(1, 600)).await;
    assert_eq!(once_more, Ok(before(PER_NETWORK - 1, PER_NETWORK - 1)));
    assert_eq!(admit(&*store, wrong(1, 600)).await, Err(secs(1)));
}

pub(super) async fn what_is_dated_far_ahead_keeps_nobody_away(fixture: &dyn Fixture) {
    let store = fixture.store();
    for n in 0..OF_ALL {
        admit(&*store, wrong(n, 90_000)).await.unwrap();
    }
    for n in 0..PER_NETWORK {
        assert_eq!(admit(&*store, wrong(1, 0)).await, Ok(before(n, n)));
    }
    assert_eq!(admit(&*store, wrong(1, 0)).await, Err(secs(600)));
}

pub(super) async fn many_at_once_stay_below_the_limit(fixture: &dyn Fixture) {
    let store = fixture.store();
    for n in 0..OF_ALL - 10 {
        admit(&*store, wrong(n, 0)).await.unwrap();
    }
    let mut tasks = JoinSet::new();
    for n in 0..40 {
        let store = fixture.store();
        tasks.spawn(async move { admit(&*store, wrong(n, 1)).await });
    }
    let judged = tasks.join_all().await;
    assert_eq!(judged.iter().filter(|judged| judged.is_ok()).count(), 10);
    assert_eq!(admit(&*store, right(40, 1)).await, Err(secs(599)));
}

pub(super) async fn those_that_count_are_counted(fixture: &dyn Fixture) {
    let store = fixture.store();
    for second in 0..5 {
        admit(&*store, wrong(second as usize, second))
            .await
            .unwrap();
    }
    assert_eq!(store.count_guesses(at(1)..at(4)).await.unwrap(), 3);
    assert_eq!(store.count_guesses(at(9)..at(99)).await.unwrap(), 0);
}

pub(super) async fn old_ones_are_forgotten(fixture: &dyn Fixture) {
    let store = fixture.store();
    for second in 0..5 {
        admit(&*store, wrong(1, second)).await.unwrap();
    }
    assert_eq!(store.purge_guesses(at(0), 10).await.unwrap(), 0);
    assert_eq!(store.purge_guesses(at(4), 0).await.unwrap(), 0);
    for gone in [2, 2, 0] {
        assert_eq!(store.purge_guesses(at(4), 2).await.unwrap(), gone);
    }
    assert_eq!(admit(&*store, right(1, 5)).await, Ok(before(1, 1)));
}
