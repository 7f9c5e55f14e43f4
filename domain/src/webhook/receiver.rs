//! A webhook receiver, and its position in the audit log.

use std::fmt;
use std::time::Duration;

use crate::audit::AuditNumber;
use crate::clock_step::{LEASE_MARGIN, MAX_CLOCK_DIFFERENCE};
use crate::fault::{Fault, FaultCode};
use crate::grant::refresh::{REFRESH_HORIZON, pause_after};
use crate::observe::words;
use crate::ports::WebhookError;
use crate::secret::KeyedHash;
use crate::time::Timestamp;

/// The timeout of one delivery.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long one replica may deliver to a receiver before it must lease the receiver again.
const LEASE: Duration = DELIVERY_TIMEOUT.saturating_add(LEASE_MARGIN);
/// How long the service retries a delivery before it drops the event.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);
/// How late an attempt may be. A later attempt means that the service was down or its clock was set ahead, so the day
/// of retries starts again.
const LATEST: Duration = Duration::from_secs(3600);
/// The number of rejections in a row after which an event is dropped.
const MOST_REJECTIONS: u32 = 5;

/// The name of a receiver in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiverName(String);

impl ReceiverName {
    /// Maximum length in bytes.
    const LONGEST: usize = 63;

    /// Parses a name: 1 to 63 lower-case letters, digits, `-` and `_`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
        let is_name = (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(is_named);
        is_name.then(|| Self(text.to_owned()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReceiverName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The stored state of a receiver. Its methods are transitions: they return the next state, which is stored if the
/// version has not changed.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// Its name.
    pub name: ReceiverName,
    /// The version, which is a fencing token. Every stored change increments it.
    pub version: i64,
    /// The last entry of the audit log that needs no more attempts, because it was delivered, was dropped or is not for
    /// receivers.
    pub position: AuditNumber,
    /// When the lease of a replica ends; `None` if no replica has a lease.
    pub lease_until: Option<Timestamp>,
    /// When the next attempt is due, after a failure.
    pub next_attempt_at: Option<Timestamp>,
    /// Failures in a row of the same kind: either rejections or other failures.
    pub failures: u32,
    /// When the current series of failures began. `None` after a delivery, or after an event was dropped because of
    /// rejections.
    pub failing_since: Option<Timestamp>,
    /// The last error.
    pub last_error: Option<Fault>,
    /// When an event was last delivered.
    pub delivered_at: Option<Timestamp>,
    /// How many events were dropped after a day of failures, or because the receiver rejected them.
    pub dropped: u64,
    /// The MAC over all other fields ([`crate::vault::RowMacs`]).
    pub mac: Option<KeyedHash>,
}

words! {
    /// The result of an attempt to deliver an event.
    DeliveryOutcome {
        /// The receiver has accepted the event.
        Delivered => "delivered",
        /// The attempt failed and will be retried.
        Again => "failed",
        /// The event was dropped, because the service has tried for a day or the receiver rejects this event.
        Dropped => "dropped",
    }
}

impl Receiver {
    /// Creates a receiver that gets all events after `position`.
    pub const fn new(name: ReceiverName, position: AuditNumber) -> Self {
        Self {
            name,
            version: 0,
            position,
            lease_until: None,
            next_attempt_at: None,
            failures: 0,
            failing_since: None,
            last_error: None,
            delivered_at: None,
            dropped: 0,
            mac: None,
        }
    }

    /// Returns the state in place of a stored state that cannot be trusted. The receiver gets all events after
    /// `position`.
    pub fn reset(&self, position: AuditNumber) -> Self {
        Self {
            version: self.changed().version,
            ..Self::new(self.name.clone(), position)
        }
    }

    /// Returns how long to wait before the next delivery attempt; zero if the attempt is due. A lease or pause that is
    /// longer than any rule allows was stored before the clock was set back, and counts as expired. `longest` is the
    /// limit for pauses.
    pub fn waits(&self, now: Timestamp, longest: Duration) -> Duration {
        let ahead = |at: Option<Timestamp>, longest| at.filter(|at| at.is_ahead(now, longest));
        let leased = ahead(self.lease_until, LEASE + MAX_CLOCK_DIFFERENCE);
        let paused = ahead(self.next_attempt_at, REFRESH_HORIZON.cut(longest).pause);
        leased
            .max(paused)
            .map_or(Duration::ZERO, |at| at.since(now))
    }

    /// Leases the receiver for the delivery of one event.
    pub fn claimed(&self, now: Timestamp) -> Self {
        Self {
            lease_until: Some(now + LEASE),
            ..self.changed()
        }
    }

    /// Moves the receiver to `position`, because no entry up to `position` is for receivers.
    pub fn skipped(&self, position: AuditNumber) -> Self {
        Self {
            position,
            lease_until: None,
            ..self.changed()
        }
    }

    /// Records an attempt to deliver the entry `number`, whose event happened at `at`. `spread` is a random number in
    /// `0.0..1.0`.
    pub fn attempted(
        &self,
        number: AuditNumber,
        at: Timestamp,
        result: Result<(), WebhookError>,
        now: Timestamp,
        spread: f64,
    ) -> (Self, DeliveryOutcome) {
        let Err(error) = result else {
            let delivered = Self {
                delivered_at: Some(now),
                ..self.done(number)
            };
            return (delivered, DeliveryOutcome::Delivered);
        };
        let failures = match self.is_rejecting() == error.is_rejection() {
            true => self.failures.saturating_add(1),
            false => 1,
        };
        // The stored time may be in the future, if the clock was ahead.
        let since = self.failing_since.filter(|_| !self.is_late(now));
        let since = since.map_or(now, |since| since.min(now));
        let is_old = |at: Timestamp| now.since(at) >= GIVE_UP_AFTER;
        let is_rejected = error.is_rejection() && failures >= MOST_REJECTIONS;
        if is_rejected || ((is_old(at) || at > now) && is_old(since)) {
            let dropped = Self {
                dropped: self.dropped.saturating_add(1),
                // Keeps `failing_since`, so that each further event that is older than a day is dropped after one
                // attempt while the receiver is down.
                failing_since: (!is_rejected).then_some(since),
                next_attempt_at: (!is_rejected).then_some(now),
                last_error: Some(error.fault),
                ..self.done(number)
            };
            return (dropped, DeliveryOutcome::Dropped);
        }
        // Ignores the `Retry-After` of a rejection, because a rejected event must not delay the other events for long.
        let asked_for = error.retry_after.filter(|_| !error.is_rejection());
        let pause = pause_after(failures, asked_for, spread);
        let failed = Self {
            lease_until: None,
            next_attempt_at: Some(now + pause),
            failures,
            failing_since: Some(since),
            last_error: Some(error.fault),
            ..self.changed()
        };
        (failed, DeliveryOutcome::Again)
    }

    /// Whether an attempt at `now` is so late that the day of retries starts again.
    fn is_late(&self, now: Timestamp) -> bool {
        let due = self.next_attempt_at;
        due.is_some_and(|due| now.since(due) > LATEST)
    }

    /// Whether the receiver rejected the event of the last attempt.
    fn is_rejecting(&self) -> bool {
        let error = self.last_error.as_ref();
        error.is_some_and(|fault| fault.code == FaultCode::EventRejected)
    }

    fn done(&self, position: AuditNumber) -> Self {
        Self {
            delivered_at: self.delivered_at,
            dropped: self.dropped,
            mac: self.mac,
            ..self.reset(position)
        }
    }

    fn changed(&self) -> Self {
        Self {
            version: self.version.wrapping_add(1),
            ..self.clone()
        }
    }
}
