use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);
const ALONE: OtherGrants = OtherGrants {
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
        let others = OtherGrants {
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
    // The provider has also stopped refreshing other accounts, or had stopped before it refused this account.
    assert_eq!(status(4 * HOUR, Some(2 * HOUR)), AccountStatus::Degraded);
    assert_eq!(status(4 * HOUR, Some(5 * HOUR)), AccountStatus::Degraded);
    // The provider refuses all accounts, so the cause may be anything, and the grant ends only after a week.
    assert_eq!(status(25 * HOUR, None), AccountStatus::Degraded);
    assert_eq!(status(6 * 24 * HOUR, None), AccountStatus::Degraded);
    assert_eq!(status(7 * 24 * HOUR, None), AccountStatus::RelinkRequired);
}

/// With few accounts, no outage begins, so the service does not know that a firewall refuses all accounts.
#[test]
fn a_gateway_that_refuses_everybody_ends_nothing() {
    let year = 8760 * HOUR;
    let before = Attempts {
        refused_since: Some(NOW - year),
        ..Attempts::default()
    };
    let status = |code, exist, refreshed: Option<Duration>| {
        let others = OtherGrants {
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
        // The gateway refuses only this grant.
        let status = status(code, true, Some(HOUR / 2));
        assert_eq!(status, AccountStatus::RelinkRequired, "{code}");
    }
    for code in ["http_400", "http_401", "http_404", "access_denied"] {
        assert_eq!(status(code, true, None), AccountStatus::RelinkRequired);
    }
}

#[test]
fn what_a_gateway_refuses_does_not_count_later() {
    let (mut attempts, mut now) = (Attempts::default(), NOW);
    while now < NOW + 25 * HOUR {
        let firewall = refused("http_page_403").into();
        let failure = judge(attempts, &firewall, ALONE, now, 0.0);
        (attempts, now) = (failure.attempts, failure.next_refresh_at.unwrap());
    }
    let failure = judge(attempts, &refused("http_404").into(), ALONE, now, 0.0);
    assert_eq!(failure.status, AccountStatus::Degraded);
}

#[test]
fn time_without_an_answer_is_no_refusal() {
    let refusal = || refused("http_404").into();
    let first = judge(Attempts::default(), &refusal(), ALONE, NOW, 0.0);
    assert_eq!(first.attempts.refused_since, Some(NOW));
    // For 23 hours, the provider received no request or did not respond.
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
