use std::time::Duration;

use super::*;
use crate::audit::{Actor, AuditEntry, AuditEvent, AuditKind, AuditNumber};
use crate::fault::{Fault, FaultCode};
use crate::grant::AccountId;
use crate::ports::WebhookError;
use crate::secret::KeyedHash;
use crate::testing::audit_draft;
use crate::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);
const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

fn entry(event: AuditEvent) -> AuditEntry {
    let signed = audit_draft(Actor::Service, START).entry(event);
    AuditEntry {
        number: AuditNumber(1),
        content: signed.content,
        mac: KeyedHash::from_bytes([0; 32]),
    }
}

fn receiver() -> Receiver {
    let name = ReceiverName::parse("ops").unwrap();
    Receiver::new(name, AuditNumber(0))
}

fn down() -> WebhookError {
    WebhookError {
        fault: Fault::new(FaultCode::ReceiverUnavailable, "connection refused"),
        retry_after: None,
    }
}

/// Returns a rejection with a long `Retry-After`. Other events must not wait that long.
fn rejected() -> WebhookError {
    WebhookError {
        fault: Fault::new(FaultCode::EventRejected, "status 422"),
        retry_after: Some(HOUR),
    }
}

/// Tries to deliver an entry until it is delivered or dropped. Returns the receiver, the outcomes, and the time of the
/// last attempt.
fn tried(
    mut receiver: Receiver,
    number: i64,
    at: Timestamp,
    mut now: Timestamp,
    error: &WebhookError,
) -> (Receiver, Vec<DeliveryOutcome>, Timestamp) {
    let mut attempts = Vec::new();
    loop {
        now = now + receiver.waits(now, Duration::MAX);
        let claimed = receiver.claimed(now);
        let result = Err(error.clone());
        let (next, attempt) = claimed.attempted(AuditNumber(number), at, result, now, 0.5);
        attempts.push(attempt);
        receiver = next;
        if attempt != DeliveryOutcome::Again {
            return (receiver, attempts, now);
        }
    }
}

#[test]
fn an_entry_becomes_an_event() {
    let event = AuditEvent::new(AuditKind::RelinkRequired)
        .account(AccountId(7))
        .with("provider", "google")
        .code("invalid_grant");
    let entry = entry(event);
    let event = WebhookEvent::of(&entry).unwrap();
    assert_eq!(event.kind, WebhookKind::RelinkRequired);
    assert_eq!((event.account, event.at), (AccountId(7), START));
    assert_eq!(event.provider, "google");
    assert_eq!(event.error.as_deref(), Some("invalid_grant"));
    assert_eq!(WebhookEvent::of(&entry).unwrap().id, event.id);
    assert!(event.id.starts_with("msg_") && event.id.len() == 36);
}

#[test]
fn receivers_are_told_of_accounts_only() {
    let kinds: Vec<_> = AuditKind::ALL
        .iter()
        .filter(|kind| WebhookKind::of(**kind).is_some())
        .collect();
    assert_eq!(kinds.len(), WebhookKind::ALL.len());
    let handed_out = AuditEvent::new(AuditKind::TokenHandedOut).account(AccountId(1));
    assert_eq!(WebhookEvent::of(&entry(handed_out)), None);
    let of_nobody = AuditEvent::new(AuditKind::AccountDeleted).with("provider", "google");
    assert_eq!(WebhookEvent::of(&entry(of_nobody)), None);
}

#[test]
fn a_receiver_that_is_down_is_tried_for_a_day() {
    let (after, attempts, given_up) = tried(receiver(), 1, START, START, &down());
    assert_eq!(attempts.last(), Some(&DeliveryOutcome::Dropped));
    assert!((200..400).contains(&attempts.len()), "{}", attempts.len());
    let took = given_up.since(START);
    assert!(took >= 24 * HOUR && took < 25 * HOUR, "{took:?}");
    assert_eq!((after.position, after.dropped), (AuditNumber(1), 1));
}

#[test]
fn each_event_has_its_own_day() {
    let (after, _, given_up) = tried(receiver(), 1, START, START, &down());
    // The second event happened twenty hours after the first.
    let second = START + 20 * HOUR;
    let (_, attempts, ended) = tried(after, 2, second, given_up, &down());
    assert!(attempts.len() > 1);
    assert!(ended.since(second) >= 24 * HOUR);
}

#[test]
fn an_event_that_waited_for_the_service_has_a_day_as_well() {
    let restarted = START + 48 * HOUR;
    let (_, _, given_up) = tried(receiver(), 1, START, restarted, &down());
    assert!(given_up.since(restarted) >= 24 * HOUR);
}

#[test]
fn an_event_that_is_rejected_blocks_the_others_for_seconds() {
    let (after, attempts, given_up) = tried(receiver(), 1, START, START, &rejected());
    assert_eq!(attempts.len(), 5);
    assert!(given_up.since(START) < Duration::from_secs(60));
    assert_eq!(after.position, AuditNumber(1));
    assert!(after.waits(given_up, Duration::MAX).is_zero());
}

#[test]
fn only_rejections_in_a_row_drop_an_event() {
    let mut receiver = receiver();
    for error in [
        down(),
        down(),
        down(),
        down(),
        rejected(),
        down(),
        rejected(),
    ] {
        let (next, attempt) = receiver.attempted(AuditNumber(1), START, Err(error), START, 0.0);
        assert_eq!(attempt, DeliveryOutcome::Again);
        receiver = next;
    }
    assert_eq!(receiver.failures, 1);
}

#[test]
fn a_clock_that_was_ahead_blocks_nobody() {
    let ahead = START + 48 * HOUR;
    let (failed, _) = receiver().attempted(AuditNumber(1), ahead, Err(down()), ahead, 0.0);
    let (_, attempts, given_up) = tried(failed, 1, ahead, START, &down());
    assert_eq!(attempts.last(), Some(&DeliveryOutcome::Dropped));
    assert!(given_up.since(START) < 25 * HOUR);
}

#[test]
fn a_clock_that_is_set_ahead_costs_no_event() {
    let month = 30 * 24 * HOUR;
    let (failed, _) = receiver().attempted(AuditNumber(1), START, Err(down()), START, 0.0);
    let ahead = START + month;
    let (_, attempts, given_up) = tried(failed, 1, START, ahead, &down());
    assert!(attempts.len() > 200, "{}", attempts.len());
    assert!(given_up.since(ahead) >= 24 * HOUR);
    // The next event of a receiver that has been down for a day is not lost either.
    let (down_for_a_day, _, given_up) = tried(receiver(), 1, START, START, &down());
    let second = START + 20 * HOUR;
    let (_, attempts, _) = tried(down_for_a_day, 2, second, given_up + month, &down());
    assert!(attempts.len() > 200, "{}", attempts.len());
}

#[test]
fn a_receiver_that_is_down_delays_old_events_no_longer() {
    let (after, _, given_up) = tried(receiver(), 1, START, START, &down());
    let (_, attempts, _) = tried(after, 2, START, given_up, &down());
    assert_eq!(attempts, [DeliveryOutcome::Dropped]);
}

#[test]
fn a_delivery_forgets_earlier_failures() {
    let (failed, _) = receiver().attempted(AuditNumber(1), START, Err(down()), START, 0.0);
    assert!(!failed.waits(START, Duration::MAX).is_zero());
    let (delivered, attempt) = failed.attempted(AuditNumber(1), START, Ok(()), START, 0.0);
    assert_eq!(attempt, DeliveryOutcome::Delivered);
    assert_eq!((delivered.failures, delivered.failing_since), (0, None));
    assert_eq!(delivered.last_error, None);
    assert_eq!(delivered.delivered_at, Some(START));
    assert!(delivered.waits(START, Duration::MAX).is_zero());
}

#[test]
fn a_lease_keeps_other_replicas_away_and_lapses() {
    let claimed = receiver().claimed(START);
    let lease = claimed.waits(START, Duration::MAX);
    assert!(lease > DELIVERY_TIMEOUT && lease < 2 * DELIVERY_TIMEOUT);
    assert!(claimed.waits(START + lease, Duration::MAX).is_zero());
    let set_back = Timestamp::from_millis(START.as_millis() - 120_000);
    assert!(
        claimed.waits(set_back, Duration::MAX).is_zero(),
        "a clock was set back"
    );
}

#[test]
fn names_are_simple() {
    for name in ["ops", "a", "team-1_x"] {
        assert!(ReceiverName::parse(name).is_some(), "{name}");
    }
    let long = "x".repeat(64);
    for name in ["", "Ops", "a b", "é", long.as_str()] {
        assert!(ReceiverName::parse(name).is_none(), "{name}");
    }
}
