//! Tests of what a process knows about outages.

use super::*;
use crate::fault::{Fault, FaultCode};
use crate::grant::refresh::WaitingAccount;

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

fn one() -> ProviderName {
    ProviderName::new("one")
}

fn outage() -> Outage {
    let fault = Fault::new(FaultCode::ProviderUnavailable, "gone");
    Outage::begin(one(), fault, None, NOW)
}

/// Returns the outage with a number, which otherwise the store assigns.
fn numbered(mut outage: Outage, number: i64) -> Outage {
    outage.version.outage = number;
    outage
}

fn probed_by(account: i64) -> Outage {
    let waiting = WaitingAccount {
        account: AccountId(account),
        failures: 0,
    };
    outage().probing(waiting, NOW)
}

/// Processes a read without changes in between.
fn read(outages: &Outages, read: Vec<Outage>) -> Vec<(ProviderName, bool)> {
    outages.learn(outages.begin_reading(), read)
}

/// Records one failure of each account. Returns whether the last failure begins an outage.
fn fails(outages: &Outages, accounts: impl IntoIterator<Item = i64>) -> bool {
    let accounts = accounts.into_iter().map(AccountId);
    let failed = accounts.map(|account| outages.failed(&one(), account, 0, NOW));
    failed.last().unwrap_or_default()
}

#[test]
fn one_account_makes_no_outage_however_often_it_fails() {
    let outages = Outages::default();
    assert!(!fails(&outages, [1; 100]));
    assert!(!fails(&outages, [1, 2, 3, 4]));
    assert!(fails(&outages, [5]));
}

#[test]
fn accounts_that_had_failed_before_make_no_outage() {
    let outages = Outages::default();
    let fails = |account| outages.failed(&one(), AccountId(account), 3, NOW);
    assert!(!(1..100).any(fails));
}

#[test]
fn nobody_has_had_an_answer_for_long() {
    let outages = Outages::default();
    let later = NOW + SILENCE;
    let fails = |account, now| outages.failed(&one(), AccountId(account), 3, now);
    assert!(!fails(1, NOW) && !fails(1, later), "it is one account");
    assert!(!fails(2, later) && !fails(3, later) && !fails(4, later));
    assert!(fails(5, later));
    outages.answered(&one());
    assert!(!(1..100).any(|account| fails(account, later)));
    assert!(fails(1, later + SILENCE));
    outages.refreshed(&one(), NOW);
    assert!(!(1..100).any(|account| fails(account, later)));
    assert!(fails(1, later + SILENCE));
    // Another replica has begun an outage, and has ended it after a definite response. This process then counts anew.
    read(&outages, vec![outage()]);
    read(&outages, Vec::new());
    assert!(!(1..100).any(|account| fails(account, later + SILENCE)));
}

#[test]
fn a_definite_answer_in_between_starts_the_count_again() {
    let outages = Outages::default();
    fails(&outages, 1..=4);
    outages.answered(&one());
    assert!(!fails(&outages, 5..=8));
    outages.refreshed(&one(), NOW);
    assert!(!fails(&outages, 1..=4));
    assert!(fails(&outages, [9]));
    assert_eq!(outages.last_refresh(&one()), Some(NOW));
}

#[test]
fn beginnings_and_ends_are_reported_once() {
    let outages = Outages::default();
    assert_eq!(read(&outages, vec![outage()]), [(one(), true)]);
    assert_eq!(read(&outages, vec![outage()]), []);
    assert!(!outages.learn_one(&one(), Some(outage())));
    assert!(outages.learn_one(&one(), None));
    assert_eq!(read(&outages, Vec::new()), []);
}

#[test]
fn a_read_from_before_a_claim_leaves_the_claimed_probe() {
    let outages = Outages::default();
    read(&outages, vec![outage()]);
    let begun_at = outages.begin_reading();
    let probing = probed_by(1).changed();
    outages.learn_one(&one(), Some(probing.clone()));
    assert_eq!(outages.learn(begun_at, vec![outage()]), []);
    assert_eq!(outages.of(&one()), Some(probing));
}

#[test]
fn a_read_from_before_a_beginning_or_an_end_changes_nothing() {
    let outages = Outages::default();
    let begun_at = outages.begin_reading();
    outages.learn_one(&one(), Some(outage()));
    assert_eq!(outages.learn(begun_at, Vec::new()), []);
    assert_eq!(outages.of(&one()), Some(outage()));
    let begun_at = outages.begin_reading();
    outages.learn_one(&one(), None);
    assert_eq!(outages.learn(begun_at, vec![outage()]), []);
    assert_eq!(outages.of(&one()), None);
}

#[test]
fn of_two_reads_the_one_that_began_later_counts() {
    let outages = Outages::default();
    let (first, second) = (outages.begin_reading(), outages.begin_reading());
    assert_eq!(outages.learn(second, vec![outage()]), [(one(), true)]);
    assert_eq!(outages.learn(first, Vec::new()), []);
    assert_eq!(outages.of(&one()), Some(outage()));
}

#[test]
fn an_older_version_never_replaces_a_newer_one() {
    let outages = Outages::default();
    let (first, next) = (numbered(outage(), 1), numbered(outage(), 2));
    let newer = first.clone().changed();
    read(&outages, vec![newer.clone()]);
    read(&outages, vec![first.clone()]);
    assert_eq!(outages.of(&one()), Some(newer.clone()));
    outages.learn_one(&one(), Some(first));
    assert_eq!(outages.of(&one()), Some(newer.clone()));
    // A later outage is newer, whatever its version.
    read(&outages, vec![next.clone()]);
    assert_eq!(outages.of(&one()), Some(next.clone()));
    read(&outages, vec![newer]);
    assert_eq!(outages.of(&one()), Some(next));
}

#[test]
fn the_replica_that_probed_last_lets_others_go_first() {
    let outages = Outages::default();
    assert_eq!(outages.probe_delay(&outage()), Duration::ZERO);
    let own = probed_by(1);
    outages.probed(&own);
    assert_eq!(outages.probe_delay(&own), PROBE_DELAY);
    assert_eq!(outages.probe_delay(&own.clone().changed()), PROBE_DELAY);
    assert_eq!(outages.probe_delay(&numbered(own, 2)), Duration::ZERO);
    assert_eq!(outages.probe_delay(&probed_by(2)), Duration::ZERO);
}

#[test]
fn a_replica_without_answers_where_others_get_some_is_cut_off() {
    let outages = Outages::default();
    fails(&outages, 1..=5);
    read(&outages, vec![outage()]);
    assert_eq!(outages.unreachable_providers(), []);
    read(&outages, Vec::new());
    assert_eq!(outages.unreachable_providers(), [one()]);
    outages.answered(&one());
    assert_eq!(outages.unreachable_providers(), []);
}
