//! Liveness: how long an account may have no token.
//!
//! This time has a limit. A refresh that a crash interrupts continues when its lease expires. In an outage, one probe
//! comes first. A process may have to start. An account that failed waits for the current pause of its backoff. Each
//! pause is at most a quarter longer than twice the pause before. Therefore no pause is longer than [`BACKOFF_SPREAD`]
//! times the time for which the account has been failing, plus the first pause.
//!
//! Times of deliberate faults do not count: the clock stops while nobody can refresh, and restarts with each attempt that
//! a fault, a kill or a `Retry-After` ends.

use std::time::Duration;

use super::asking::{ANSWER_WITHIN, Late};
use super::troubles::{Kind, Trouble};

/// The longest pause of the backoff relative to the time of failures: up to a quarter is added.
const BACKOFF_SPREAD: f64 = 1.25;
/// The first pause of the backoff.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long nothing is claimed after a store failure, because the service saves responses first.
const STORE_RECOVERY: Duration = Duration::from_secs(5);
/// How many kills or stops in a row may hit an account between its claim and its request. The ledger does not show such
/// hits.
const UNSEEN_HITS: usize = 2;
/// Number of failing accounts that make an outage of the provider.
const ACCOUNTS_OF_AN_OUTAGE: usize = 5;

/// The longest times that are allowed without deliberate faults.
#[derive(Debug, Clone, Copy)]
pub(super) struct Design {
    /// How long a lease lasts.
    pub(super) lease: Duration,
    /// Duration of one probe of the provider, including the pause before it.
    pub(super) probe: Duration,
    /// How long a process takes to start and to process what is due.
    pub(super) restart: Duration,
}

impl Design {
    fn allowance(&self) -> Duration {
        self.lease + self.probe + self.restart
    }
}

/// A period in which an account had no token, as its clients saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) account: usize,
    pub(super) from: Duration,
    pub(super) to: Duration,
}

/// A refresh request, as the provider saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) account: usize,
    pub(super) at: Duration,
    /// Whether it brought no response, or one without tokens.
    pub(super) has_failed: bool,
    /// The `Retry-After` of the provider.
    pub(super) retry_after: Option<Duration>,
}

/// A period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Duration,
    pub(super) to: Duration,
}

/// All events of a run.
pub(super) struct Course<'a> {
    /// All attempts of all accounts, in order.
    pub(super) attempts: &'a [Attempt],
    pub(super) troubles: &'a [Trouble],
    pub(super) processes: usize,
}

/// What postpones the time by which an account must have a token.
enum Event {
    /// The account's own attempt, and the pause after it.
    Attempt(Duration),
    /// A process was killed or stopped, perhaps after it had claimed the account.
    Hit(Duration),
    /// Nobody could refresh.
    Standstill(Span),
    /// The provider failed for enough accounts to be probed.
    Outage(Duration),
}

/// Returns when the account must have had a token again at the latest.
pub(super) fn due(gap: Gap, course: &Course<'_>, design: &Design) -> Duration {
    let allowance = design.allowance();
    let mut due = gap.from + allowance;
    let (mut unseen, mut last_hit) = (UNSEEN_HITS, None);
    for (at, event) in events(gap, course) {
        if at > due {
            break;
        }
        match event {
            Event::Attempt(pause) => {
                due = due.max(at + pause + allowance);
                (unseen, last_hit) = (UNSEEN_HITS, None);
            }
            Event::Hit(until) => {
                // An account can be claimed only after the previous lease has expired.
                let may_hit = last_hit.is_none_or(|last| at >= last + design.lease);
                if unseen > 0 && may_hit {
                    unseen -= 1;
                    last_hit = Some(at);
                    due = due.max(until + allowance);
                }
            }
            Event::Standstill(span) => due += span.to.saturating_sub(span.from.max(gap.from)),
            Event::Outage(pause) => due = due.max(at + pause + allowance),
        }
    }
    due
}

/// Returns all events that concern one gap, in order.
fn events(gap: Gap, course: &Course<'_>) -> Vec<(Duration, Event)> {
    let mut events = own_attempts(gap, course.attempts);
    for trouble in course.troubles {
        let hits = matches!(trouble.kind, Kind::Killed | Kind::Frozen | Kind::CutOff);
        if hits && trouble.to + STORE_RECOVERY >= gap.from {
            events.push((trouble.from.max(gap.from), Event::Hit(trouble.to)));
        }
    }
    for span in standstills(course.troubles, course.processes) {
        if span.to >= gap.from {
            events.push((span.from.max(gap.from), Event::Standstill(span)));
        }
    }
    for outage in outages(course.attempts) {
        events.push((outage.to, Event::Outage(pause_reached(outage))));
    }
    events.retain(|(at, _)| *at <= gap.to);
    events.sort_by_key(|(at, _)| *at);
    events
}

fn own_attempts(gap: Gap, attempts: &[Attempt]) -> Vec<(Duration, Event)> {
    let mut failing_since = None;
    let own = attempts.iter().filter(|one| one.account == gap.account);
    own.map(|one| {
        let mut pause = one.retry_after.unwrap_or_default();
        if one.has_failed {
            let from = *failing_since.get_or_insert(one.at);
            pause = pause.max(pause_reached(Span { from, to: one.at }));
        } else {
            failing_since = None;
        }
        (one.at, Event::Attempt(pause))
    })
    .collect()
}

/// Returns the longest pause that the backoff can have reached in this time.
fn pause_reached(failing: Span) -> Duration {
    (failing.to - failing.from + FIRST_PAUSE).mul_f64(BACKOFF_SPREAD)
}

/// Returns when the provider failed for enough different accounts, without a success in between.
fn outages(attempts: &[Attempt]) -> Vec<Span> {
    let mut outages = Vec::new();
    for run in attempts.chunk_by(|one, next| one.has_failed && next.has_failed) {
        let mut accounts: Vec<_> = run.iter().map(|one| one.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        if let ([first, .., last], ACCOUNTS_OF_AN_OUTAGE..) = (run, accounts.len()) {
            // Each failure of the run may have been the last probe so far.
            let failures = run.iter().filter(|one| one.at > first.at);
            outages.extend(failures.map(|one| Span {
                from: first.at,
                to: one.at.min(last.at),
            }));
        }
    }
    outages
}

/// Returns the periods in which no process could refresh: the database was down, or all processes were.
pub(super) fn standstills(troubles: &[Trouble], processes: usize) -> Vec<Span> {
    let mut edges: Vec<(Duration, Option<usize>, bool)> = Vec::new();
    for trouble in troubles {
        let recovery = match trouble.process {
            Some(_) => Duration::ZERO,
            None => STORE_RECOVERY,
        };
        edges.push((trouble.from, trouble.process, true));
        edges.push((trouble.well_at + recovery, trouble.process, false));
    }
    // A period that begins when another one ends comes first, so that there is no gap between them.
    edges.sort_by_key(|(at, _, begins)| (*at, !begins));
    let mut away = vec![0_usize; processes + 1];
    let (mut spans, mut since) = (Vec::new(), None);
    for (at, process, begins) in edges {
        // The last index is the database's.
        let count = &mut away[process.unwrap_or(processes)];
        *count = if begins { *count + 1 } else { *count - 1 };
        let nobody = away[processes] > 0 || away[..processes].iter().all(|count| *count > 0);
        match (since, nobody) {
            (None, true) => since = Some(at),
            (Some(from), false) => {
                spans.push(Span { from, to: at });
                since = None;
            }
            _ => {}
        }
    }
    spans
}

/// Returns whether a client waited longer for its answer than the service promises, apart from the time for which the
/// process was stopped or down.
pub(super) fn is_too_late(late: &Late, troubles: &[Trouble]) -> bool {
    let own = troubles.iter().filter(|trouble| {
        let stops = matches!(trouble.kind, Kind::Frozen | Kind::Killed);
        stops && trouble.process == Some(late.process)
    });
    let stopped = own.map(|trouble| {
        let from = trouble.from.max(late.asked_at);
        trouble.well_at.min(late.until).saturating_sub(from)
    });
    late.until - late.asked_at > ANSWER_WITHIN + stopped.sum::<Duration>()
}
