//! The judge's rules, with invented ledgers.

use std::collections::HashMap;
use std::time::Duration;

use central_oauth_test_sandbox::{Delivery, Ledger, Presentation, RefreshOutcome, TokenMark};

use super::judge::{ARRIVES_WITHIN, Ambiguity, Case, end_of, repeats};
use super::troubles::{Kind, Trouble};

const TIMEOUT: Duration = Duration::from_secs(3);

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One refresh token, used at 1,000 ms on connection 1, answered 50 ms later, and used again at 9,000 ms.
struct Story {
    ledger: Ledger,
    first: Presentation,
    again: Presentation,
    closed_at: Option<Duration>,
    was_cut: bool,
    /// The processes of the two uses, if known.
    callers: [Option<usize>; 2],
    troubles: Vec<Trouble>,
    served: HashMap<TokenMark, Duration>,
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
            successor: Some(ledger.mark("next refresh token")),
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
            callers: [None; 2],
            troubles: Vec::new(),
            served: HashMap::new(),
        }
    }

    /// A process that dies at this moment, and its connection with it.
    fn killed(millis: u64) -> Self {
        let mut story = Self::new();
        story.befall(Kind::Killed, 0, millis, millis + 2);
        story.closed_at = Some(at(millis + 3));
        story
    }

    /// Process 0 is delayed during the first use; another process makes the second use.
    fn held_up(kind: Kind, from: u64, to: u64) -> Self {
        let mut story = Self::new();
        story.callers = [Some(0), Some(1)];
        story.befall(kind, 0, from, to);
        story
    }

    fn befall(&mut self, kind: Kind, process: usize, from: u64, to: u64) {
        self.troubles.push(Trouble {
            kind,
            process: Some(process),
            from: at(from),
            to: at(to),
            well_at: at(to),
        });
    }

    fn told(&self) -> Option<Ambiguity> {
        let closed_at = |connection| self.closed_at.filter(|_| connection == 1);
        let repeats = repeats(&Case {
            presentations: &[self.first.clone(), self.again.clone()],
            closed_at: &closed_at,
            was_cut: &|_| self.was_cut,
            caller: &|connection| self.callers[usize::from(connection != 1)],
            troubles: &self.troubles,
            served: self.served.clone(),
            provider_timeout: TIMEOUT,
            arrives_within: ARRIVES_WITHIN,
        });
        assert_eq!(repeats.len(), 1);
        let end = end_of(4, &repeats).expect("the family has ended");
        assert_eq!(end.again.sequence, 1);
        end.excuse
    }
}

#[test]
fn a_token_that_the_provider_has_refused_may_be_tried_again() {
    for refusal in [RefreshOutcome::Reused, RefreshOutcome::Unknown] {
        let story = Story::new();
        let first = Presentation {
            outcome: refusal,
            ..story.first
        };
        let again = Presentation {
            outcome: RefreshOutcome::Unknown,
            ..story.again
        };
        let repeats = repeats(&Case {
            presentations: &[first, again],
            closed_at: &|_| None,
            was_cut: &|_| false,
            caller: &|_| None,
            troubles: &[],
            served: HashMap::new(),
            provider_timeout: TIMEOUT,
            arrives_within: ARRIVES_WITHIN,
        });
        assert!(repeats.is_empty(), "{refusal:?}");
    }
}

#[test]
fn a_second_use_has_no_excuse_of_itself() {
    assert_eq!(Story::new().told(), None);
}

#[test]
fn a_kill_before_the_answer_or_shortly_after_is_one() {
    // Requests that were sent right before the kill may be processed right after it.
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
fn a_kill_of_another_process_is_none_whatever_the_moment() {
    let mut story = Story::killed(1020);
    story.callers = [Some(0), Some(1)];
    assert_eq!(story.told(), Some(Ambiguity::Killed(at(22))));
    story.callers = [Some(1), Some(0)];
    assert_eq!(story.told(), None);
}

#[test]
fn a_process_stopped_between_sending_and_commit_is_an_excuse() {
    for kind in [Kind::Frozen, Kind::CutOff] {
        for (from, to) in [(990, 9100), (1020, 8500), (1060, 7500), (2900, 12_000)] {
            let lasted = at(to - from);
            let expected = match kind {
                Kind::Frozen => Ambiguity::Frozen(lasted),
                _ => Ambiguity::CutOff(lasted),
            };
            let told = Story::held_up(kind, from, to).told();
            assert_eq!(told, Some(expected), "{kind:?} {from}");
        }
        let mut unanswered = Story::held_up(kind, 1020, 12_000);
        unanswered.first.answered_at = None;
        unanswered.first.delivery = Delivery::Unsent;
        assert!(unanswered.told().is_some(), "{kind:?}");
    }
}

#[test]
fn a_process_stopped_at_another_time_is_none() {
    for kind in [Kind::Frozen, Kind::CutOff] {
        // The trouble began long after the answer, ended long before the second use, ended before the first use, or
        // began after the second use.
        for (from, to) in [(3200, 9100), (1020, 6900), (100, 900), (9001, 16_000)] {
            let told = Story::held_up(kind, from, to).told();
            assert_eq!(told, None, "{kind:?} {from}");
        }
    }
}

#[test]
fn what_comes_long_after_a_stop_began_was_sent_before_it() {
    let stopped = Story::held_up(Kind::Frozen, 100, 9100).told();
    assert_eq!(stopped, Some(Ambiguity::Frozen(at(9000))));
    // A process that is cut off can still send, but should not: it cannot check its lease.
    assert_eq!(Story::held_up(Kind::CutOff, 100, 9100).told(), None);
}

#[test]
fn while_the_database_is_away_nothing_is_stored() {
    let mut story = Story::killed(5000);
    assert_eq!(story.told(), None);
    story.troubles.push(Trouble {
        kind: Kind::Crashed,
        process: None,
        from: at(1020),
        to: at(3500),
        well_at: at(3500),
    });
    assert_eq!(story.told(), Some(Ambiguity::Killed(at(4002))));
    // The process had the time to store the response after the database was back.
    story.troubles[1].to = at(2900);
    assert_eq!(story.told(), None);
}

#[test]
fn a_process_that_dies_as_soon_as_it_runs_on_has_stored_nothing() {
    for kind in [Kind::Frozen, Kind::CutOff] {
        let mut story = Story::killed(8600);
        story.callers = [Some(0), Some(0)];
        assert_eq!(story.told(), None, "{kind:?}");
        story.befall(kind, 0, 1060, 8590);
        assert_eq!(story.told(), Some(Ambiguity::Killed(at(7602))), "{kind:?}");
        // The process had the time to store the response in between.
        story.troubles[1].to = at(6500);
        assert_eq!(story.told(), None, "{kind:?}");
        // Another process was delayed.
        story.troubles[1].to = at(8590);
        story.troubles[1].process = Some(1);
        assert_eq!(story.told(), None, "{kind:?}");
    }
}

#[test]
fn one_trouble_upon_another_leaves_no_time_to_store() {
    let mut story = Story::held_up(Kind::Frozen, 1060, 5000);
    assert_eq!(story.told(), None, "it had four seconds");
    story.befall(Kind::CutOff, 0, 5500, 7500);
    assert_eq!(story.told(), Some(Ambiguity::Frozen(at(3940))));
    story.troubles[1].from = at(7001);
    assert_eq!(story.told(), None, "it had two seconds");
}

#[test]
fn another_process_that_was_stopped_is_none() {
    for kind in [Kind::Frozen, Kind::CutOff] {
        for callers in [[Some(1), Some(2)], [None, Some(1)], [Some(1), None]] {
            let mut story = Story::held_up(kind, 1020, 9100);
            story.callers = callers;
            assert_eq!(story.told(), None, "{kind:?} {callers:?}");
        }
    }
}

#[test]
fn a_stopped_process_whose_lease_cannot_be_over_is_none() {
    let mut story = Story::held_up(Kind::Frozen, 1020, 9100);
    story.again.arrived_at = at(3400);
    assert_eq!(story.told(), None);
}

#[test]
fn no_stop_excuses_what_was_committed_by_then() {
    let mut story = Story::held_up(Kind::Frozen, 1060, 9100);
    let token = story.ledger.mark("access token");
    story.served.insert(token, at(8999));
    assert_eq!(story.told(), None);
    // The stopped process stored its response when it resumed, after the second use.
    story.served.insert(token, at(9200));
    assert!(story.told().is_some());
}

#[test]
fn a_process_stopped_between_its_lease_and_sending_is_an_excuse() {
    let mut story = Story::held_up(Kind::Frozen, 500, 8960);
    story.callers = [Some(1), Some(0)];
    let told = Some(Ambiguity::FrozenBeforeSending(at(8460)));
    assert_eq!(story.told(), told);
    story.again.arrived_at = at(9010);
    assert_eq!(story.told(), None, "it had time to look again");
    story.again.arrived_at = at(8990);
    story.first.arrived_at = at(400);
    assert_eq!(
        story.told(),
        None,
        "the first use came before it was stopped"
    );
}

#[test]
fn a_token_that_was_replaced_by_an_answer_nobody_stored_is_excused() {
    // Here the first use is the retry, whose response died with its process. The second one uses the replaced token.
    for (mut story, excuse) in [
        (Story::killed(1060), Some(Ambiguity::Killed(at(62)))),
        (Story::new(), None),
    ] {
        story.again.refresh_token = story.ledger.mark("replaced");
        assert_eq!(story.told(), excuse);
        // If the response had been served, it would have been stored.
        let token = story.ledger.mark("access token");
        story.served.insert(token, at(1070));
        assert_eq!(story.told(), None);
    }
}

#[test]
fn a_connection_that_a_fault_cut_before_the_kill_tells_nothing() {
    let mut story = Story::killed(1200);
    story.closed_at = Some(at(1100));
    assert_eq!(story.told(), None);
    story.was_cut = true;
    assert_eq!(story.told(), Some(Ambiguity::Killed(at(202))));
    story.troubles.clear();
    assert_eq!(story.told(), None);
}

#[test]
fn no_kill_excuses_what_was_committed() {
    let mut story = Story::killed(1060);
    let token = story.ledger.mark("access token");
    story.served.insert(token, at(1070));
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
fn giving_up_is_an_excuse_at_the_timeout_and_not_before() {
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
fn an_answer_that_comes_at_the_timeout_is_an_excuse() {
    let mut story = Story::new();
    story.first.answered_at = Some(at(3990));
    story.closed_at = Some(at(4005));
    assert_eq!(story.told(), Some(Ambiguity::TooLate));
    story.closed_at = Some(at(2000));
    assert_eq!(story.told(), None);
}
