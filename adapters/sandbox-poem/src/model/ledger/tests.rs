use super::*;
use crate::model::{Families, Fresh, Lifetimes, Person, Reuse};

/// Rules and a ledger that watches them.
struct Watched {
    families: Families,
    ledger: Ledger,
    names: u32,
}

impl Watched {
    fn new() -> (Self, Issued) {
        let lifetimes = Lifetimes {
            access: Duration::from_secs(60),
            refresh: Duration::from_secs(3600),
        };
        let mut watched = Self {
            families: Families::new(lifetimes, Reuse::Retries(1)),
            ledger: Ledger::default(),
            names: 0,
        };
        let first = watched.start("f", Person::alice());
        (watched, first)
    }

    fn fresh(&mut self) -> Fresh {
        self.names += 1;
        Fresh {
            access: format!("a{}", self.names),
            refresh: format!("r{}", self.names),
        }
    }

    fn start(&mut self, family: &str, person: Person) -> Issued {
        let (fresh, subject) = (self.fresh(), person.subject());
        let issued = self.families.start(family, (person, vec![]), fresh, at(0));
        self.ledger.started(family, subject, &issued, at(0));
        issued
    }

    fn present(&mut self, token: &str, seconds: u64) -> Option<Issued> {
        let (fresh, now) = (self.fresh(), at(seconds));
        let outcome = self.families.refresh(token, None, fresh, now);
        self.ledger.presented(token, &outcome, Some(7), now);
        outcome.ok()
    }

    fn outcomes(&self) -> Vec<RefreshOutcome> {
        let all = self.ledger.presentations().iter();
        all.map(|presentation| presentation.outcome).collect()
    }
}

fn at(seconds: u64) -> Moment {
    Moment::from_secs(seconds)
}

#[test]
fn every_use_is_written_down_with_what_came_of_it() {
    use RefreshOutcome::{Retried, Reused, Rotated, Unknown};
    let (mut watched, first) = Watched::new();
    assert!(watched.present(&first.refresh_token, 1).is_some());
    assert!(watched.present(&first.refresh_token, 2).is_some());
    assert!(watched.present(&first.refresh_token, 3).is_none());
    assert!(watched.present(&first.refresh_token, 4).is_none());
    assert!(watched.present("never issued", 5).is_none());
    assert_eq!(
        watched.outcomes(),
        [Rotated, Retried, Reused, Unknown, Unknown]
    );

    let all = watched.ledger.presentations();
    assert!(all.iter().enumerate().all(|(n, one)| one.sequence == n));
    assert!(
        all[..4]
            .iter()
            .all(|one| one.refresh_token == all[0].refresh_token)
    );
    assert_ne!(all[4].refresh_token, all[0].refresh_token);
    let families: Vec<_> = all.iter().map(|one| one.family).collect();
    assert_eq!(families, [Some(0), Some(0), Some(0), Some(0), None]);
    assert_eq!((all[2].arrived_at, all[2].access_token), (at(3), None));
}

#[test]
fn access_tokens_name_their_person_and_family() {
    let (mut watched, first) = Watched::new();
    let bobs = watched.start("g", Person::numbered(1));
    let second = watched.present(&first.refresh_token, 10).unwrap();
    let ledger = &watched.ledger;
    let known = |token: &str| {
        let entry = ledger.access_token(token).unwrap();
        (entry.family, entry.person.as_str(), entry.expires_at)
    };
    assert_eq!(known(&first.access_token), (0, "sandbox-alice", at(60)));
    assert_eq!(known(&second.access_token), (0, "sandbox-alice", at(70)));
    assert_eq!(
        known(&bobs.access_token),
        (1, "sandbox-person-0001", at(60))
    );
    assert!(ledger.access_token(&first.refresh_token).is_none());
    let answer = ledger.presentations()[0].access_token;
    assert_eq!(answer, Some(ledger.mark(&second.access_token)));
}

#[test]
fn deliveries_and_the_ends_of_connections_come_later() {
    let (mut watched, first) = Watched::new();
    watched.present(&first.refresh_token, 1);
    let ledger = &mut watched.ledger;
    assert_eq!(ledger.presentations()[0].delivery, Delivery::Unsent);
    ledger.answered(0, Delivery::Sent, at(2));
    ledger.answered(99, Delivery::Lost, at(2));
    let one = &ledger.presentations()[0];
    assert_eq!(
        (one.delivery, one.answered_at),
        (Delivery::Sent, Some(at(2)))
    );

    assert_eq!(ledger.closed_at(7), None);
    ledger.closed(7, at(3));
    ledger.closed(7, at(4));
    ledger.closed(8, at(3));
    assert_eq!(
        (ledger.closed_at(7), ledger.closed_at(8)),
        (Some(at(3)), None)
    );
}

#[test]
fn connections_that_a_fault_ends_are_told_from_others() {
    let (mut watched, first) = Watched::new();
    watched.present(&first.refresh_token, 1);
    let ledger = &mut watched.ledger;
    ledger.cut(8);
    assert!(!ledger.was_cut(7) && !ledger.was_cut(8));
    ledger.cut(7);
    assert!(ledger.was_cut(7));
}

#[test]
fn what_is_shown_of_it_holds_no_token() {
    let (mut watched, first) = Watched::new();
    watched.present(&first.refresh_token, 1);
    let ledger = &watched.ledger;
    let shown = format!("{ledger:?} {:?}", ledger.presentations());
    assert!(
        !shown.contains("sandbox_") && !shown.contains(".r1"),
        "{shown}"
    );
}

#[test]
fn a_full_ledger_says_so() {
    let mut ledger = Ledger::default();
    assert!(ledger.has_room(CAPACITY - 1) && ledger.is_complete());
    assert!(!ledger.has_room(CAPACITY) && !ledger.is_complete());
    let refused = Err(RefreshRefusal::Unknown);
    assert_eq!(ledger.presented("t", &refused, None, at(0)), None);
}
