use super::*;

const BOB: &str = "sandbox-person-0001";

/// A ledger, and a fake authorization server whose responses the test chooses.
struct Book {
    ledger: Ledger,
    issued: u32,
}

impl Book {
    fn new() -> (Self, Issued) {
        let mut book = Self {
            ledger: Ledger::default(),
            issued: 0,
        };
        let first = book.start("f", "sandbox-alice");
        (book, first)
    }

    fn issue(&mut self, family: &str, is_retry: bool) -> Issued {
        self.issued += 1;
        Issued {
            access_token: format!("sandbox_at_a{}", self.issued),
            refresh_token: format!("sandbox_rt_{family}.r{}", self.issued),
            scopes: vec![],
            expires_in: Duration::from_secs(60),
            is_retry,
        }
    }

    fn start(&mut self, family: &str, person: &str) -> Issued {
        let issued = self.issue(family, false);
        self.ledger
            .started(family, person.to_owned(), &issued, at(0));
        issued
    }

    fn rotate(&mut self, token: &str, seconds: u64, is_retry: bool) -> Issued {
        let issued = self.issue("f", is_retry);
        let outcome = Ok(issued.clone());
        self.ledger.presented(token, &outcome, Some(7), at(seconds));
        issued
    }

    fn refuse(&mut self, token: &str, seconds: u64, refusal: RefreshRefusal) {
        let outcome = Err(refusal);
        self.ledger.presented(token, &outcome, Some(7), at(seconds));
    }

    fn outcomes(&self) -> Vec<RefreshOutcome> {
        let all = self.ledger.presentations().iter();
        all.map(|presentation| presentation.outcome).collect()
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn every_use_is_written_down_with_what_came_of_it() {
    use RefreshOutcome::{Retried, Reused, Rotated, Unknown};
    let (mut book, first) = Book::new();
    book.rotate(&first.refresh_token, 1, false);
    book.rotate(&first.refresh_token, 2, true);
    book.refuse(&first.refresh_token, 3, RefreshRefusal::Reused);
    book.refuse(&first.refresh_token, 4, RefreshRefusal::Unknown);
    book.refuse("never issued", 5, RefreshRefusal::Unknown);
    assert_eq!(
        book.outcomes(),
        [Rotated, Retried, Reused, Unknown, Unknown]
    );

    let all = book.ledger.presentations();
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
    let (mut book, first) = Book::new();
    let bobs = book.start("g", BOB);
    let second = book.rotate(&first.refresh_token, 10, false);
    let ledger = &book.ledger;
    let known = |token: &str| {
        let entry = ledger.access_token(token).unwrap();
        (entry.family, entry.person.as_str(), entry.expires_at)
    };
    assert_eq!(known(&first.access_token), (0, "sandbox-alice", at(60)));
    assert_eq!(known(&second.access_token), (0, "sandbox-alice", at(70)));
    assert_eq!(known(&bobs.access_token), (1, BOB, at(60)));
    assert!(ledger.access_token(&first.refresh_token).is_none());
    let answer = ledger.presentations()[0].access_token;
    assert_eq!(answer, Some(ledger.mark(&second.access_token)));
}

#[test]
fn deliveries_and_the_ends_of_connections_come_later() {
    let (mut book, first) = Book::new();
    book.rotate(&first.refresh_token, 1, false);
    let ledger = &mut book.ledger;
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
    let (mut book, first) = Book::new();
    book.rotate(&first.refresh_token, 1, false);
    let ledger = &mut book.ledger;
    ledger.cut(8);
    assert!(!ledger.was_cut(7) && !ledger.was_cut(8));
    ledger.cut(7);
    assert!(ledger.was_cut(7));
}

#[test]
fn what_is_shown_of_it_holds_no_token() {
    let (mut book, first) = Book::new();
    book.rotate(&first.refresh_token, 1, false);
    let ledger = &book.ledger;
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
