//! What a failed refresh means for the grant. Only a definite `invalid_grant` ends one at once; every other failure is
//! retried.

use std::time::Duration;

use super::pause_after;
use crate::fault::{Fault, FaultCode};
use crate::grant::AccountStatus;
use crate::ports::{ProviderError, RefreshError};
use crate::time::Timestamp;

/// Some servers refuse a dead refresh token without saying so. After this long such refusals end the grant.
const BELIEVED_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The limit is this short if the provider refreshes other grants meanwhile.
const BELIEVED_AMONG_OTHERS_AFTER: Duration = Duration::from_secs(3 * 3600);
/// The limit is this long if there are other grants and the provider refreshes none of them. Then a proxy or firewall
/// in between is the likelier cause.
const BELIEVED_AS_ALL_ARE_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);
/// This many failures for a reason that concerns only one process are not shown while other replicas run: within
/// seconds, another replica takes over if it can.
const LEFT_TO_OTHERS: u32 = 2;

/// The refresh attempts since the last success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    pub failures: u32,
    /// Whether a response was lost, so that the refresh token may be used up.
    pub ambiguous: bool,
    /// Since when the provider has refused without `invalid_grant`. Periods in which it did not refuse, or was not
    /// asked, do not count.
    pub refused_since: Option<Timestamp>,
}

impl Attempts {
    /// Returns the attempts after a period in which the provider was not asked, or did not respond.
    #[must_use]
    pub fn after_waiting(self, waited: Duration) -> Self {
        let refused_since = self.refused_since.map(|since| since + waited);
        Self {
            refused_since,
            ..self
        }
    }
}

/// How the other grants of the provider are doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Others {
    /// Whether there are others that have not been given up.
    pub exist: bool,
    /// When the provider last refreshed one, if known.
    pub refreshed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshFailure {
    /// Whether the account shows the status and the error.
    pub is_shown: bool,
    pub status: AccountStatus,
    pub fault: Fault,
    /// When to try again; `None` if never.
    pub next_refresh_at: Option<Timestamp>,
    pub attempts: Attempts,
}

/// Judges a failed attempt by the provider's response, the history of the account, and the provider's other grants.
#[must_use]
pub fn judge(
    before: Attempts,
    error: &RefreshError,
    others: Others,
    now: Timestamp,
    spread: f64,
) -> RefreshFailure {
    let failures = before.failures.saturating_add(1);
    let mut attempts = Attempts {
        failures,
        ambiguous: before.ambiguous || error.may_have_acted,
        refused_since: before.refused_since,
    };
    let cause = &error.cause;
    let over = match cause {
        ProviderError::Refused { code, .. } if *code == *FaultCode::InvalidGrant => Some(
            Fault::new(FaultCode::InvalidGrant, last_words(cause, before.ambiguous)),
        ),
        ProviderError::Refused { code, .. } => {
            let since = before.refused_since.map_or(now, |since| since.min(now));
            attempts.refused_since = Some(since);
            is_believed(cause, since, others, now).then(|| {
                let hours = now.since(since).as_secs() / 3600;
                let words = format!("{cause}; this has lasted for {hours} hours");
                Fault::new(code.as_str(), words)
            })
        }
        _ => None,
    };
    match over {
        Some(fault) => RefreshFailure {
            is_shown: true,
            status: AccountStatus::RelinkRequired,
            fault,
            next_refresh_at: None,
            attempts,
        },
        None => {
            let pause = pause_after(failures, cause.retry_after(), spread);
            let refuses = matches!(cause, ProviderError::Refused { .. });
            RefreshFailure {
                is_shown: true,
                status: AccountStatus::Degraded,
                fault: cause.into(),
                next_refresh_at: Some(now + pause),
                attempts: attempts.after_waiting(if refuses { Duration::ZERO } else { pause }),
            }
        }
    }
}

/// Whether refusals since then end the grant. If the provider refreshes others, it refuses this grant in particular.
/// Otherwise what a gateway refuses says nothing about a grant, however long it lasts.
fn is_believed(cause: &ProviderError, since: Timestamp, others: Others, now: Timestamp) -> bool {
    let lately = |at| at >= since && now.since(at) < BELIEVED_AMONG_OTHERS_AFTER / 3;
    let after = if others.refreshed_at.is_some_and(lately) {
        BELIEVED_AMONG_OTHERS_AFTER
    } else if cause.is_of_gateway() {
        return false;
    } else if others.exist {
        BELIEVED_AS_ALL_ARE_AFTER
    } else {
        BELIEVED_AFTER
    };
    now.since(since) >= after
}

/// The verdict for an attempt that was not made, because the operator must correct something first. Nothing was sent,
/// so it does not count as a refusal of the provider.
#[must_use]
pub fn wait_for_operator(
    before: Attempts,
    fault: Fault,
    are_others_running: bool,
    now: Timestamp,
    spread: f64,
) -> RefreshFailure {
    let failures = before.failures.saturating_add(1);
    let pause = pause_after(failures, None, spread);
    let is_left_to_others = are_others_running && fault.code.is_local();
    RefreshFailure {
        is_shown: !is_left_to_others || failures > LEFT_TO_OTHERS,
        status: AccountStatus::Degraded,
        fault,
        next_refresh_at: Some(now + pause),
        attempts: Attempts {
            failures,
            ..before.after_waiting(pause)
        },
    }
}

fn last_words(error: &ProviderError, ambiguous: bool) -> String {
    if ambiguous {
        format!(
            "{error}; the response to an earlier attempt was lost, or the database was restored from a backup: the \
             refresh token may have been used before"
        )
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const HOUR: Duration = Duration::from_secs(3600);
    const ALONE: Others = Others {
        exist: false,
        refreshed_at: None,
    };

    fn refused(code: &str) -> ProviderError {
        ProviderError::Refused {
            code: code.to_owned(),
            detail: "the provider's words".to_owned(),
        }
    }

    fn unavailable(retry_after: Option<Duration>) -> ProviderError {
        ProviderError::Unavailable {
            detail: "gone".to_owned(),
            retry_after,
        }
    }

    fn lost(cause: ProviderError) -> RefreshError {
        RefreshError {
            cause,
            may_have_acted: true,
        }
    }

    #[test]
    fn invalid_grant_ends_it_with_the_provider_s_words() {
        let failure = judge(
            Attempts::default(),
            &refused("invalid_grant").into(),
            ALONE,
            NOW,
            0.0,
        );
        assert_eq!(failure.status, AccountStatus::RelinkRequired);
        assert_eq!(failure.next_refresh_at, None);
        assert_eq!(failure.fault.code, FaultCode::InvalidGrant);
        assert!(failure.fault.detail.contains("the provider's words"));
        assert!(!failure.fault.detail.contains("lost"));
    }

    #[test]
    fn an_ambiguous_attempt_before_it_is_told() {
        let first = judge(
            Attempts::default(),
            &lost(unavailable(None)),
            ALONE,
            NOW,
            0.0,
        );
        assert_eq!(first.status, AccountStatus::Degraded);
        let later = judge(first.attempts, &unavailable(None).into(), ALONE, NOW, 0.0);
        assert!(later.attempts.ambiguous, "it is remembered");
        let end = judge(
            later.attempts,
            &refused("invalid_grant").into(),
            ALONE,
            NOW,
            0.0,
        );
        assert!(end.fault.detail.contains("was lost"), "{:?}", end.fault);
    }

    #[test]
    fn an_unsaid_refusal_is_believed_after_a_day() {
        let (mut attempts, mut now) = (Attempts::default(), NOW);
        for _ in 0..24 {
            let failure = judge(attempts, &refused("http_404").into(), ALONE, now, 0.0);
            assert_eq!(failure.status, AccountStatus::Degraded);
            (attempts, now) = (failure.attempts, now + HOUR);
        }
        let failure = judge(attempts, &refused("http_404").into(), ALONE, now, 0.0);
        assert_eq!(failure.status, AccountStatus::RelinkRequired);
        assert_eq!(&*failure.fault.code, "http_404");
    }

    #[test]
    fn an_unsaid_refusal_is_believed_sooner_while_others_are_refreshed() {
        let refused_for = |age: Duration| Attempts {
            refused_since: Some(NOW - age),
            ..Attempts::default()
        };
        let status = |age, refreshed: Option<Duration>| {
            let others = Others {
                exist: true,
                refreshed_at: refreshed.map(|ago| NOW - ago),
            };
            let error = refused("http_404").into();
            judge(refused_for(age), &error, others, NOW, 0.0).status
        };
        let minute = Duration::from_secs(60);
        assert_eq!(status(2 * HOUR, Some(minute)), AccountStatus::Degraded);
        assert_eq!(
            status(3 * HOUR, Some(minute)),
            AccountStatus::RelinkRequired
        );
        assert_eq!(status(3 * HOUR, None), AccountStatus::Degraded);
        // It has stopped refreshing others too, or had before this began.
        assert_eq!(status(4 * HOUR, Some(2 * HOUR)), AccountStatus::Degraded);
        assert_eq!(status(4 * HOUR, Some(5 * HOUR)), AccountStatus::Degraded);
        // All are refused, so the cause may be anything, for a long time.
        assert_eq!(status(25 * HOUR, None), AccountStatus::Degraded);
        assert_eq!(status(6 * 24 * HOUR, None), AccountStatus::Degraded);
        assert_eq!(status(7 * 24 * HOUR, None), AccountStatus::RelinkRequired);
    }

    /// With few accounts no outage shows that a firewall refuses everybody.
    #[test]
    fn a_gateway_that_refuses_everybody_ends_nothing() {
        let year = 8760 * HOUR;
        let before = Attempts {
            refused_since: Some(NOW - year),
            ..Attempts::default()
        };
        let status = |code, exist, refreshed: Option<Duration>| {
            let others = Others {
                exist,
                refreshed_at: refreshed.map(|ago| NOW - ago),
            };
            judge(before, &refused(code).into(), others, NOW, 0.0).status
        };
        for code in ["http_403", "http_page_403", "http_page_404"] {
            for (exist, refreshed) in [(false, None), (true, None), (true, Some(2 * year))] {
                let status = status(code, exist, refreshed);
                assert_eq!(status, AccountStatus::Degraded, "{code} {exist}");
            }
            // It refuses this grant alone.
            let status = status(code, true, Some(HOUR / 2));
            assert_eq!(status, AccountStatus::RelinkRequired, "{code}");
        }
        for code in ["http_400", "http_401", "http_404", "access_denied"] {
            assert_eq!(status(code, true, None), AccountStatus::RelinkRequired);
        }
    }

    #[test]
    fn time_without_an_answer_is_no_refusal() {
        let refusal = || refused("http_404").into();
        let first = judge(Attempts::default(), &refusal(), ALONE, NOW, 0.0);
        assert_eq!(first.attempts.refused_since, Some(NOW));
        // The provider was not asked for 23 hours, or did not respond.
        let waited = first.attempts.after_waiting(23 * HOUR);
        let again = judge(waited, &refusal(), ALONE, NOW + 25 * HOUR, 0.0);
        assert_eq!(again.status, AccountStatus::Degraded);
        let (mut attempts, mut now) = (first.attempts, NOW);
        let gone = || Fault::new(FaultCode::ProviderUnavailable, "gone");
        while now < NOW + 25 * HOUR {
            let between = match attempts.failures % 2 {
                0 => judge(attempts, &unavailable(None).into(), ALONE, now, 0.0),
                _ => wait_for_operator(attempts, gone(), false, now, 0.0),
            };
            (attempts, now) = (between.attempts, between.next_refresh_at.unwrap_or(now));
        }
        let again = judge(attempts, &refusal(), ALONE, now, 0.0);
        assert_eq!(again.status, AccountStatus::Degraded);
    }

    #[test]
    fn a_passing_error_now_and_then_does_not_put_the_verdict_off_for_ever() {
        let (mut attempts, mut now) = (Attempts::default(), NOW);
        for attempt in 0_u32.. {
            let error = match attempt % 4 {
                3 => unavailable(None),
                _ => refused("http_404"),
            };
            let failure = judge(attempts, &error.into(), ALONE, now, 0.0);
            if failure.status == AccountStatus::RelinkRequired {
                break;
            }
            (attempts, now) = (failure.attempts, failure.next_refresh_at.unwrap_or(now));
            assert!(now < NOW + 40 * HOUR, "no verdict");
        }
        assert!(now >= NOW + 24 * HOUR);
    }

    #[test]
    fn the_operator_s_mistakes_end_nothing() {
        let error = ProviderError::Misconfigured {
            code: "invalid_client".to_owned(),
            detail: String::new(),
        };
        let year_ago = Attempts {
            refused_since: Some(NOW - 8760 * HOUR),
            ..Attempts::default()
        };
        let failure = judge(year_ago, &error.into(), ALONE, NOW, 0.0);
        assert_eq!(failure.status, AccountStatus::Degraded);
        assert_eq!(&*failure.fault.code, "invalid_client");
        let fault = Fault::new(FaultCode::ClientChanged, "the client id has changed");
        let failure = wait_for_operator(year_ago, fault, false, NOW, 0.0);
        assert_eq!(failure.status, AccountStatus::Degraded);
        assert_eq!(failure.next_refresh_at, Some(NOW + Duration::from_secs(1)));
    }

    #[test]
    fn what_only_one_process_cannot_do_is_shown_once_it_lasts() {
        let shown = |code: FaultCode, failures, are_others_running| {
            let before = Attempts {
                failures,
                ..Attempts::default()
            };
            let fault = Fault::new(code, "no");
            wait_for_operator(before, fault, are_others_running, NOW, 0.0).is_shown
        };
        for local in [
            FaultCode::ClientChanged,
            FaultCode::ProviderNotConfigured,
            FaultCode::SecretKeyMissing,
        ] {
            assert!(!shown(local.clone(), 0, true) && !shown(local.clone(), 1, true));
            assert!(shown(local.clone(), 2, true));
            assert!(shown(local, 0, false), "nobody else can take over");
        }
        assert!(shown(FaultCode::InternalError, 0, true), "a damaged row");
    }

    proptest! {
        #[test]
        fn passing_failures_never_end_a_grant(
            failures in any::<u32>(),
            ambiguous in any::<bool>(),
            since in proptest::option::of(any::<i64>()),
            retry_after in proptest::option::of(any::<u64>()),
            spread in 0.0..1.0_f64,
        ) {
            let before = Attempts {
                failures, ambiguous, refused_since: since.map(Timestamp::from_millis),
            };
            let error = lost(unavailable(retry_after.map(Duration::from_secs)));
            let failure = judge(before, &error, ALONE, NOW, spread);
            prop_assert_eq!(failure.status, AccountStatus::Degraded);
            let next = failure.next_refresh_at.ok_or_else(|| TestCaseError::fail("no next"))?;
            prop_assert!(next > NOW && next <= NOW + 2 * HOUR);
        }
    }
}
