//! The rules of liveness, with invented events.

use std::time::Duration;

use super::asking::Late;
use super::liveness::{Attempt, Course, Design, Gap, Span, due, is_too_late, standstills};
use super::troubles::{Kind, Trouble};

const DESIGN: Design = Design {
    lease: Duration::from_secs(8),
    probe: Duration::from_secs(3),
    restart: Duration::from_secs(4),
};
/// An account without a token from the second 100 on.
const ACCOUNT: usize = 7;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn attempt(account: usize, at: u64, has_failed: bool) -> Attempt {
    Attempt {
        account,
        at: secs(at),
        has_failed,
        retry_after: None,
    }
}

fn failure(at: u64) -> Attempt {
    attempt(ACCOUNT, at, true)
}

fn trouble(kind: Kind, process: Option<usize>, from: u64, to: u64) -> Trouble {
    Trouble {
        kind,
        process,
        from: secs(from),
        to: secs(from),
        well_at: secs(to),
    }
}

fn due_after(attempts: &[Attempt], troubles: &[Trouble]) -> f64 {
    let course = Course {
        attempts,
        troubles,
        processes: 1,
    };
    let gap = Gap {
        account: ACCOUNT,
        from: secs(100),
        to: secs(1000),
    };
    due(gap, &course, &DESIGN).as_secs_f64() - 100.0
}

#[track_caller]
fn assert_due(attempts: &[Attempt], troubles: &[Trouble], expected: f64) {
    let seconds = due_after(attempts, troubles);
    assert!((seconds - expected).abs() < 0.001, "{seconds}");
}

#[test]
fn without_faults_a_lease_a_probe_and_a_restart_are_allowed() {
    assert_due(&[], &[], 15.0);
    assert_due(&[attempt(ACCOUNT, 90, false)], &[], 15.0);
}

#[test]
fn an_attempt_starts_the_time_anew_and_one_that_comes_too_late_does_not() {
    assert_due(&[attempt(ACCOUNT, 110, false)], &[], 25.0);
    assert_due(&[attempt(ACCOUNT, 116, false)], &[], 15.0);
    assert_due(&[attempt(8, 110, false)], &[], 15.0);
}

#[test]
fn the_pause_that_failures_have_reached_is_allowed() {
    // Failing for 7 s: the next pause is 8 s and up to a quarter more.
    let failing = [failure(101), failure(102), failure(104), failure(108)];
    assert_due(&failing, &[], 8.0 + 10.0 + 15.0);
    // A success in between resets the backoff.
    let mixed = [failure(80), attempt(ACCOUNT, 90, false), failure(101)];
    assert_due(&mixed, &[], 1.0 + 1.25 + 15.0);
}

#[test]
fn a_pause_that_was_reached_before_the_gap_counts() {
    let failing = [failure(68), failure(99)];
    assert_due(&failing, &[], -1.0 + 40.0 + 15.0);
}

#[test]
fn what_the_provider_asks_for_is_left_out() {
    let limited = Attempt {
        retry_after: Some(secs(60)),
        ..failure(105)
    };
    assert_due(&[limited], &[], 5.0 + 60.0 + 15.0);
}

#[test]
fn failures_of_few_accounts_are_no_outage() {
    let few: Vec<_> = (0..40)
        .map(|at| attempt(at % 4, 60 + at as u64, true))
        .collect();
    assert_due(&few, &[], 15.0);
    let one: Vec<_> = (0..40).map(|at| attempt(1, 60 + at, true)).collect();
    assert_due(&one, &[], 15.0);
}

#[test]
fn an_outage_of_the_provider_allows_the_pause_of_its_probes() {
    let many: Vec<_> = (0..5)
        .map(|at| attempt(at, 100 + 2 * at as u64, true))
        .collect();
    assert_due(&many, &[], 8.0 + 9.0 * 1.25 + 15.0);
    // One success in between ends the outage.
    let mut mixed = many;
    mixed[2].has_failed = false;
    assert_due(&mixed, &[], 15.0);
}

#[test]
fn the_clock_stands_still_while_the_only_process_is_down() {
    let killed = [trouble(Kind::Killed, Some(0), 110, 113)];
    // The kill may have come after a claim, and it took three seconds until the process responded.
    assert_due(&[], &killed, 10.0 + 15.0 + 3.0);
}

#[test]
fn kills_that_nobody_saw_hit_a_claim_excuse_only_so_much() {
    let kills: Vec<_> = (0..100)
        .map(|at| trouble(Kind::Killed, Some(0), 100 + at, 100 + at))
        .collect();
    // Two kills can hit a claim: one at the start, and one when the lease of the first claim has expired.
    assert_due(&[], &kills, 8.0 + 15.0);
}

#[test]
fn the_clock_stands_still_while_the_database_is_away() {
    let away = [trouble(Kind::Crashed, None, 105, 110)];
    assert_due(&[], &away, 15.0 + 10.0);
    let before = [trouble(Kind::Crashed, None, 60, 70)];
    assert_due(&[], &before, 15.0);
}

#[test]
fn nobody_can_refresh_only_when_all_are_away() {
    let span = |from, to| Span {
        from: secs(from),
        to: secs(to),
    };
    let troubles = [
        trouble(Kind::Frozen, Some(0), 10, 20),
        trouble(Kind::Killed, Some(1), 15, 18),
        trouble(Kind::Restarted, None, 17, 19),
        trouble(Kind::CutOff, Some(1), 30, 40),
    ];
    assert_eq!(standstills(&troubles, 2), [span(15, 24)]);
    assert_eq!(standstills(&troubles, 3), [span(17, 24)]);
}

#[test]
fn an_answer_is_too_late_after_fifteen_seconds_in_which_its_process_ran() {
    let late = |until| Late {
        process: 1,
        asked_at: secs(100),
        until: secs(until),
    };
    assert!(!is_too_late(&late(115), &[]));
    assert!(is_too_late(&late(116), &[]));
    let stopped = |process| [trouble(Kind::Frozen, Some(process), 90, 102)];
    assert!(!is_too_late(&late(117), &stopped(1)));
    assert!(is_too_late(&late(118), &stopped(1)));
    assert!(is_too_late(&late(117), &stopped(0)));
    // A process that cannot reach the database must say so in time.
    let cut_off = [trouble(Kind::CutOff, Some(1), 90, 110)];
    assert!(is_too_late(&late(117), &cut_off));
}
