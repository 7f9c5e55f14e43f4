//! Tests of outages.

use proptest::prelude::*;

use super::*;
use crate::grant::refresh::pause_after;

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn gone() -> Fault {
    Fault::new("provider_unavailable", "gone")
}

fn outage() -> Outage {
    Outage::begin(ProviderName::new("one"), gone(), None, NOW)
}

fn waiting(account: i64, failures: u32) -> WaitingAccount {
    WaitingAccount {
        account: AccountId(account),
        failures,
    }
}

/// Returns an outage in which `count` accounts that had not failed before were probed.
fn first_probes(count: u32) -> Outage {
    let accounts = 1000..1000 + i64::from(count);
    accounts.fold(outage(), |outage, account| {
        outage.probing(waiting(account, 0), NOW)
    })
}

#[test]
fn probes_are_a_pause_apart_whether_they_are_answered_or_not() {
    let outage = outage();
    assert!(!outage.is_probe_due(NOW));
    let first = NOW + SECOND;
    assert!(outage.is_probe_due(first));
    let probing = outage.probing(waiting(1, 0), first);
    assert!(!probing.is_probe_due(first));
    assert!(probing.is_probe_due(first + SECOND));
    assert!(probing.has_probed(AccountId(1)) && !probing.has_probed(AccountId(2)));
    assert_eq!(probing.after_failure(gone(), None, first), None);
}

#[test]
fn after_many_accounts_each_pause_is_half_as_long_again() {
    let probes = 0..QUICK_PROBES + 15;
    let pauses = probes.map(|count| first_probes(count).probe_at.since(NOW).as_millis());
    let pauses: Vec<_> = pauses.collect();
    let (quick, slow) = pauses.split_at(QUICK_PROBES as usize + 1);
    assert!(quick.iter().all(|pause| *pause == 1000), "{quick:?}");
    assert_eq!(slow[..3], [1500, 2250, 3375]);
    assert_eq!(slow.last(), Some(&LONGEST_PROBE_PAUSE.as_millis()));
}

#[test]
fn accounts_that_have_failed_before_are_probed_less_often() {
    let (sick, well) = (waiting(1, 1), waiting(2, 0));
    let failed = first_probes(10);
    let next = NOW + SECOND;
    assert!(failed.is_probe_due(next));
    assert_eq!(failed.choose([sick], next), None);
    assert_eq!(failed.choose([sick, well], next), Some(well));
    let later = failed.repeats_at();
    assert_eq!(later, NOW + 10 * SECOND);
    assert_eq!(failed.choose([sick], later), Some(sick));
    let given_back = failed.with_probe_given_back(sick, next);
    assert_eq!(given_back.choose([sick], next), Some(sick));
}

#[test]
fn an_account_is_remembered_once() {
    let probing = |outage: Outage, account| outage.probing(waiting(account, 0), NOW);
    let outage = [7, 8, 7, 7, 9].into_iter().fold(outage(), probing);
    let probed = outage.probed.iter();
    let probed: Vec<_> = probed.map(|it| (it.account.0, it.times)).collect();
    assert_eq!(probed, [(8, 1), (7, 3), (9, 1)]);
    assert_eq!(outage.first_probes, 3);
    let many = (0..2000).fold(outage, probing);
    assert_eq!(many.probed.len(), PROBED_AT_MOST);
}

#[test]
fn probes_of_accounts_that_had_failed_before_delay_nobody() {
    let failed = (1..100).fold(outage(), |outage, failures| {
        outage.probing(waiting(7, failures), NOW)
    });
    assert_eq!(failed.probe_at, NOW + SECOND);
}

#[test]
fn the_fewest_failures_come_first_and_then_the_probe_that_is_the_longest_ago() {
    let mut outage = outage();
    for (waiting, next) in [
        (vec![(1, 2), (2, 0), (3, 1)], 2),
        (vec![(1, 2), (2, 1), (3, 1)], 3),
        (vec![(1, 2), (2, 1), (3, 2)], 2),
        (vec![(1, 2), (2, 2), (3, 2)], 1),
        (vec![(1, 3), (2, 2), (3, 2), (4, 0)], 4),
        // Three probes have no recorded result, because their processes were killed.
        (vec![(1, 3), (4, 0)], 4),
        (vec![(1, 3), (4, 0)], 4),
        (vec![(1, 3), (4, 0)], 1),
    ] {
        let waiting = waiting.into_iter();
        let waiting = waiting.map(|(id, failures)| self::waiting(id, failures));
        let chosen = outage.choose(waiting, outage.repeats_at()).unwrap();
        assert_eq!(chosen.account, AccountId(next));
        outage = outage.probing(chosen, NOW);
    }
    assert_eq!(outage.choose([], outage.repeats_at()), None);
}

#[test]
fn a_probe_with_nothing_to_ask_is_given_back() {
    let outage = first_probes(1);
    let given_back = outage.clone().with_probe_given_back(waiting(1000, 0), NOW);
    assert!(given_back.is_probe_due(NOW));
    assert_eq!(given_back.first_probes, 0);
    // The account had failed before, or was probed before.
    let sick = outage.clone().probing(waiting(7, 3), NOW);
    let given_back = sick.with_probe_given_back(waiting(7, 3), NOW);
    assert_eq!(given_back.first_probes, 1);
    let again = outage.probing(waiting(1000, 0), NOW);
    let given_back = again.with_probe_given_back(waiting(1000, 0), NOW);
    assert_eq!(given_back.first_probes, 1);
}

#[test]
fn the_provider_s_pause_is_kept_also_when_others_were_told() {
    let after = |seconds| outage().after_failure(gone(), Some(seconds * SECOND), NOW);
    assert_eq!(after(9).map(|after| after.probe_at), Some(NOW + 9 * SECOND));
    assert_eq!(
        after(999).map(|after| after.probe_at),
        Some(NOW + 180 * SECOND)
    );
    assert_eq!(after(1), None);
}

#[test]
fn a_probe_that_a_wrong_clock_has_put_off_is_due() {
    for seconds in [300, 7200] {
        let ahead = NOW + seconds * SECOND;
        let outage = Outage::begin(ProviderName::new("one"), gone(), None, ahead);
        assert!(outage.is_probe_due(NOW), "{seconds}");
    }
}

/// Returns how long the healthy accounts wait at most until the first of them is probed, and how many accounts have
/// failed at least once by then. `sick` and `well` contain the seconds at which accounts become due. Sick accounts
/// always fail.
fn longest_wait(sick: &[u64], well: &[u64], spread: f64) -> (Duration, u32) {
    let seconds = sick.iter().chain(well);
    let due = seconds.map(|second| NOW + Duration::from_secs(*second));
    let ids = (0..).map(AccountId);
    let mut accounts: Vec<_> = ids.zip(due).map(|(id, due)| (id, due, 0)).collect();
    let (mut outage, mut now) = (outage(), NOW);
    loop {
        let may_be_probed = accounts.iter().map(|(_, due, failures)| match failures {
            0 => *due,
            _ => outage.repeats_at().max(*due),
        });
        now = now
            .max(outage.probe_at)
            .max(may_be_probed.min().unwrap_or(now));
        let waiting = accounts.iter().filter(|(_, due, _)| *due <= now);
        let mut waiting: Vec<_> = waiting.copied().collect();
        waiting.sort_by_key(|(_, due, _)| std::cmp::Reverse(*due));
        let waiting = waiting.into_iter();
        let waiting = waiting.map(|(account, _, failures)| WaitingAccount { account, failures });
        let chosen = outage.choose(waiting, now);
        let is_sick = |at: &usize| *at < sick.len();
        let chosen_id = chosen.map(|chosen| chosen.account);
        let at = accounts.iter().position(|(id, ..)| Some(*id) == chosen_id);
        let (Some(at), Some(chosen)) = (at.filter(is_sick), chosen) else {
            let waits = accounts[sick.len()..]
                .iter()
                .map(|(_, due, _)| now.since(*due));
            let begun = accounts.iter().map(|(_, _, failures)| *failures.min(&1));
            return (waits.max().unwrap_or_default(), begun.sum());
        };
        outage = outage.probing(chosen, now);
        let (_, due, failures) = &mut accounts[at];
        *failures += 1;
        *due = now + pause_after(*failures, None, spread);
    }
}

proptest! {
    /// This holds no matter when the accounts become due, although a sick account that has not failed yet looks like a
    /// well account. The first probe of a well account ends the outage for all accounts.
    #[test]
    fn well_accounts_wait_for_a_second_for_each_that_begins_to_fail(
        sick in proptest::collection::vec(0..200_u64, 0..=QUICK_PROBES as usize),
        well in proptest::collection::vec(0..200_u64, 1..5),
        spread in 0.0..1.0_f64,
    ) {
        let (waited, begun) = longest_wait(&sick, &well, spread);
        prop_assert!(waited <= (begun + 1) * SECOND, "{:?} {}", waited, begun);
    }

    /// An account that has not failed waits for only one pause of a second, no matter how many accounts always fail and
    /// how often they were probed.
    #[test]
    fn sick_accounts_cannot_starve_a_well_one(
        sick in proptest::collection::vec(1..100_u32, 1..60), rounds in 0..200_usize, reversed: bool,
    ) {
        let well = waiting(99, 0);
        let ids = (0..).map(AccountId);
        let mut waiting: Vec<_> = ids.zip(sick).map(|(account, failures)| WaitingAccount { account, failures }).collect();
        let (mut outage, mut now) = (outage(), NOW);
        for _ in 0..rounds {
            now = now.max(outage.probe_at);
            let Some(chosen) = outage.choose(waiting.iter().copied(), now) else {
                now = outage.repeats_at();
                continue;
            };
            outage = outage.probing(chosen, now);
            for one in waiting.iter_mut().filter(|one| **one == chosen) {
                one.failures += 1;
            }
        }
        waiting.push(well);
        if reversed {
            waiting.reverse();
        }
        prop_assert_eq!(outage.choose(waiting, outage.probe_at), Some(well));
        prop_assert!(outage.probe_at.since(now) <= SECOND);
    }

    #[test]
    fn probes_come_within_the_horizon(
        probed in any::<u32>(), asked_for in proptest::option::of(any::<u64>()),
    ) {
        let probed = Outage { first_probes: probed, ..outage() }.probing(waiting(1, 0), NOW);
        prop_assert!(probed.probe_at.since(NOW) <= LONGEST_PROBE_PAUSE);
        let failed = probed.after_failure(gone(), asked_for.map(Duration::from_secs), NOW);
        let failed = failed.unwrap_or(probed);
        prop_assert!(!failed.is_probe_due(NOW));
        prop_assert!(failed.is_probe_due(NOW + PROBE_HORIZON));
        // This probe time was stored while the clock was ahead.
        prop_assert!(failed.is_probe_due(NOW - PROBE_HORIZON));
    }
}

/// A provider that is down gets at most 40 probes in 5 minutes, even if no probed account has failed before.
#[test]
fn an_outage_of_all_accounts_costs_few_probes() {
    let (mut outage, mut probes) = (outage(), 0);
    while outage.probe_at.since(NOW) <= 300 * SECOND {
        let now = outage.probe_at;
        outage = outage.probing(waiting(probes, 0), now);
        probes += 1;
    }
    assert!(probes <= 40, "{probes}");
}
