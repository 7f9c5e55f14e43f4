//! The judge's rules, on ledgers made up for them.

use std::collections::HashSet;
use std::time::Duration;

use central_oauth_sandbox_poem::{Delivery, Ledger, Presentation, RefreshOutcome, TokenMark};

use super::judge::{Ambiguity, Case, end_of, repeats};
use super::killing::Kill;

const TIMEOUT: Duration = Duration::from_secs(3);

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One refresh token presented at 1,000 ms on connection 1 and answered 50 ms later, and again at 9,000 ms.
struct Story {
    ledger: Ledger,
    first: Presentation,
    again: Presentation,
    closed_at: Option<Duration>,
    was_cut: bool,
    kills: Vec<Kill>,
    served: HashSet<TokenMark>,
}

impl Story {
    fn new() -> Self {
        let ledger = Ledger::default();
        let first = Presentation {
            sequence: 0,
            family: Some(4),
            refresh_token: ledger.mark("refresh token"),
            outcome: RefreshOutcome::Rotated,
            access_token: Some(ledger.mark("access token")),
            arrived_at: at(1000),
            connection: Some(1),
            answered_at: Some(at(1050)),
            delivery: Delivery::Sent,
        };
        let again = Presentation {
            sequence: 1,
            outcome: RefreshOutcome::Reused,
            arrived_at: at(9000),
            connection: Some(2),
            answered_at: Some(at(9010)),
            ..first.clone()
        };
        Self {
            ledger,
            first,
            again,
            closed_at: None,
            was_cut: false,
            kills: Vec::new(),
            served: HashSet::new(),
        }
    }

    /// A process that dies at this moment, and its connection with it.
    fn killed(millis: u64) -> Self {
        let mut story = Self::new();
        story.kills.push(Kill {
            from: at(millis),
            to: at(millis + 2),
        });
        story.closed_at = Some(at(millis + 3));
        story
    }

    fn told(&self) -> Option<Ambiguity> {
        let closed_at = |connection| self.closed_at.filter(|_| connection == 1);
        let repeats = repeats(&Case {
            presentations: &[self.first.clone(), self.again.clone()],
            closed_at: &closed_at,
            was_cut: &|_| self.was_cut,
            kills: &self.kills,
            served: self.served.clone(),
            provider_timeout: TIMEOUT,
        });
        assert_eq!(repeats.len(), 1);
        let end = end_of(4, &repeats).expect("the family has ended");
        assert_eq!(end.again.sequence, 1);
        end.excuse
    }
}

#[test]
fn a_second_use_has_no_excuse_of_itself() {
    assert_eq!(Story::new().told(), None);
}

#[test]
fn a_kill_before_the_answer_or_shortly_after_is_one() {
    // What was sent right before the kill may be looked at right after it.
    for moment in [990, 1000, 1020, 1060, 2900] {
        let after = at((moment + 2_u64).saturating_sub(1000));
        let told = Story::killed(moment).told();
        assert_eq!(told, Some(Ambiguity::Killed(after)), "{moment}");
    }
}

#[test]
fn a_kill_long_after_or_after_the_second_use_is_none() {
    for moment in [3200, 8000, 9500] {
        assert_eq!(Story::killed(moment).told(), None, "{moment}");
    }
}

#[test]
fn the_kill_of_another_process_is_none() {
    let mut story = Story::killed(1020);
    story.closed_at = None;
    assert_eq!(story.told(), None);
    story.closed_at = Some(at(6000));
    assert_eq!(story.told(), None);
}

#[test]
fn a_connection_that_a_fault_cut_before_the_kill_tells_nothing() {
    let mut story = Story::killed(1200);
    story.closed_at = Some(at(1100));
    assert_eq!(story.told(), None);
    story.was_cut = true;
    assert_eq!(story.told(), Some(Ambiguity::Killed(at(202))));
    story.kills.clear();
    assert_eq!(story.told(), None);
}

#[test]
fn no_kill_excuses_what_was_committed() {
    let mut story = Story::killed(1060);
    story.served.insert(story.ledger.mark("access token"));
    assert_eq!(story.told(), None);
}

#[test]
fn a_lost_answer_is_an_excuse_once_it_is_lost() {
    let mut story = Story::new();
    story.first.delivery = Delivery::Lost;
    assert_eq!(story.told(), Some(Ambiguity::AnswerLost));
    story.first.answered_at = Some(at(9001));
    assert_eq!(story.told(), None);
}

#[test]
fn a_kill_before_the_answer_left_is_an_excuse_whenever_it_came() {
    let mut story = Story::killed(6000);
    story.first.delivery = Delivery::Unsent;
    story.first.answered_at = None;
    assert_eq!(story.told(), Some(Ambiguity::Killed(at(5002))));
}

#[test]
fn giving_up_is_an_excuse_when_patience_ends_and_not_before() {
    let mut story = Story::new();
    story.first.delivery = Delivery::Unsent;
    story.first.answered_at = None;
    assert_eq!(story.told(), None, "asked twice at once");
    story.closed_at = Some(at(1500));
    assert_eq!(story.told(), None, "hung up early");
    story.closed_at = Some(at(4010));
    assert_eq!(story.told(), Some(Ambiguity::TooLate));
    story.again.arrived_at = at(4000);
    assert_eq!(story.told(), None, "asked again before giving up");
}

#[test]
fn an_answer_that_comes_as_patience_ends_is_an_excuse() {
    let mut story = Story::new();
    story.first.answered_at = Some(at(3990));
    story.closed_at = Some(at(4005));
    assert_eq!(story.told(), Some(Ambiguity::TooLate));
    story.closed_at = Some(at(2000));
    assert_eq!(story.told(), None);
}
