//! Invariants that hold for every sequence of transitions.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::fault::{Fault, FaultCode};
use crate::grant::{AccessKeyId, AccountKey, ProviderName, TokenOrigin};
use crate::link::{LinkId, LinkStatus, LinkVersion, Requester, SealedPrompt};

/// One attempted transition.
#[derive(Debug, Clone)]
enum Step {
    Reserve(u8),
    BeginConsent(u64),
    KeepCallback(u8),
    Claim,
    Postpone(u64),
    Redeem(u64),
    ReplaceTokens,
    Hold,
    CountWrongReturnCode,
    Complete(i64),
    End(Ending),
}

fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let ending = prop_oneof![
        Just(Ending::Denied(None)),
        Just(Ending::Expired),
        Just(Ending::Failed(Fault::new("code", "detail"))),
    ];
    let step = prop_oneof![
        (0..2_u8).prop_map(Step::Reserve),
        (0..2000_u64).prop_map(Step::BeginConsent),
        (0..3_u8).prop_map(Step::KeepCallback),
        Just(Step::Claim),
        (0..100_u64).prop_map(Step::Postpone),
        (0..4000_u64).prop_map(Step::Redeem),
        Just(Step::ReplaceTokens),
        Just(Step::Hold),
        Just(Step::CountWrongReturnCode),
        (0..3_i64).prop_map(Step::Complete),
        ending.prop_map(Step::End),
    ];
    // The second number is the time that passes before the step.
    proptest::collection::vec((step, 0..100_u64), 0..40)
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000) + Duration::from_secs(seconds)
}

fn by(browser: u8) -> Confirmation {
    Confirmation {
        browser: hash(browser),
        network: hash(9),
    }
}

fn hash(n: u8) -> KeyedHash {
    KeyedHash::from_bytes([n; 32])
}

fn sealed(n: u8) -> Sealed {
    Sealed::from_bytes(vec![n])
}

fn poll(seconds: u64) -> PollSchedule {
    PollSchedule {
        interval: Duration::from_secs(5),
        failures: 0,
        next_at: at(seconds),
    }
}

fn consent() -> SealedConsent {
    SealedConsent {
        handle: sealed(1),
        prompt: SealedPrompt::Visit { uri: sealed(2) },
        callback: None,
        client_id: None,
    }
}

fn grant() -> SealedGrant {
    SealedGrant {
        access_token: sealed(3),
        refresh_token: Some(sealed(4)),
        id_token: None,
        scopes: Vec::new(),
        extra: None,
        requested_at: at(0),
        access_token_expires_at: None,
        access_token_hinted_end: None,
        refresh_token_expires_at: None,
        grant_expires_at: None,
        origin: TokenOrigin {
            issuer: None,
            token_endpoint: "https://provider.example/token".to_owned(),
            client_id: "broker".to_owned(),
        },
    }
}

fn new_link(relink_of: Option<i64>) -> Link {
    Link {
        id: LinkId(1),
        version: LinkVersion::FIRST,
        code: hash(0),
        key: AccessKeyId(1),
        relink_of: relink_of.map(AccountId),
        provider: ProviderName::new("github"),
        requester: Requester::default(),
        network: None,
        created_at: at(0),
        expires_at: at(600),
        browser: None,
        confirmed_from: None,
        callback: None,
        poll: None,
        lease_until: None,
        return_code_tries: None,
        state: LinkState::Pending,
    }
}

fn owner() -> Owner {
    Owner {
        key: AccountKey {
            provider: ProviderName::new("github"),
            account_id: "ada".to_owned(),
        },
        identified: true,
        display_name: "Ada".to_owned(),
    }
}

fn take(link: &Link, step: Step, seconds: u64) -> Transition {
    let now = at(seconds);
    match step {
        Step::Reserve(browser) => link.reserve(&by(browser), now),
        Step::BeginConsent(lasts) => {
            let polled = (lasts % 2 == 0).then(|| poll(seconds + 5));
            link.begin_consent(consent(), polled, at(seconds + lasts), now)
        }
        Step::KeepCallback(n) => link.store_callback(sealed(n), hash(n), poll(seconds)),
        Step::Claim => link.claim(now, at(seconds + 15)),
        Step::Postpone(by) => link.postpone(poll(seconds + by)),
        Step::Redeem(deadline) => link.redeem(grant(), poll(seconds), at(deadline)),
        Step::ReplaceTokens => link.replace_tokens(grant()),
        Step::Hold => link.hold(owner(), hash(9), now),
        Step::CountWrongReturnCode => link.count_wrong_return_code(now),
        Step::Complete(account) => link.complete(AccountId(account), now),
        Step::End(ending) => link.end(ending, now),
    }
}

/// Checks the invariants between one version of a link and the next.
fn check(before: &Link, step: &Step, after: &Link) -> Result<(), TestCaseError> {
    prop_assert!(before.ended_at().is_none(), "{step:?} after the end");
    let came_back = matches!(step, Step::Reserve(_)) && before.browser.is_some();
    let next = before.version.next();
    let expected = if came_back { before.version } else { next };
    prop_assert_eq!(after.version, expected);
    let is_wrong = matches!(step, Step::CountWrongReturnCode);
    let tries = before
        .return_code_tries
        .map(|tries| tries - u32::from(is_wrong));
    prop_assert_eq!(after.return_code_tries, tries);
    prop_assert!(tries != Some(0), "a try too many");
    prop_assert_eq!(
        (after.id, after.code, after.key),
        (before.id, before.code, before.key)
    );
    if before.browser.is_some() {
        prop_assert_eq!(after.browser, before.browser);
    }
    if before.callback.is_some() {
        prop_assert_eq!(after.callback, before.callback);
    }
    if !matches!(step, Step::BeginConsent(_) | Step::Hold) {
        prop_assert!(after.expires_at >= before.expires_at);
    }
    if matches!(step, Step::ReplaceTokens) {
        prop_assert!(matches!(before.state, LinkState::Redeemed(_)));
        prop_assert_eq!(
            (after.poll, after.lease_until, after.expires_at),
            (before.poll, before.lease_until, before.expires_at)
        );
    }
    if let LinkState::Linked { account, .. } = after.state {
        prop_assert!(after.relink_of.is_none_or(|relinked| relinked == account));
        let confirmed = matches!(before.state, LinkState::Confirming(_));
        prop_assert_eq!(confirmed, before.return_code_tries.is_some());
    }
    if after.ended_at().is_some() {
        prop_assert_eq!(
            (after.poll, after.lease_until, after.due_at()),
            (None, None, None)
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_sequence_of_changes_breaks_a_promise(steps in steps(), relink_of in proptest::option::of(0..3_i64), return_code: bool) {
        let mut link = new_link(relink_of);
        link.return_code_tries = return_code.then_some(ReturnCode::TRIES);
        let (mut seconds, mut callbacks, mut redeemed) = (0, 0, 0);
        for (step, passes) in steps {
            seconds += passes;
            let Ok(after) = take(&link, step.clone(), seconds) else {
                continue;
            };
            check(&link, &step, &after)?;
            callbacks += usize::from(matches!(step, Step::KeepCallback(_)));
            redeemed += usize::from(matches!(step, Step::Redeem(_)));
            link = after;
        }
        prop_assert!(callbacks <= 1 && redeemed <= 1, "{callbacks} callbacks, {redeemed} redeemed");
    }

    #[test]
    fn a_lease_lapses_before_the_next_one(steps in steps()) {
        let mut link = new_link(None);
        let mut seconds = 0;
        for (step, passes) in steps {
            seconds += passes;
            let held = link.lease_until.is_some_and(|until| until > at(seconds));
            let is_claim = matches!(step, Step::Claim);
            let Ok(after) = take(&link, step, seconds) else {
                continue;
            };
            prop_assert!(!(is_claim && held), "claimed while leased: {link:?}");
            link = after;
        }
    }
}

#[test]
fn what_the_link_does_not_allow_is_rejected() {
    let pending = new_link(Some(2));
    let mine = pending.reserve(&by(1), at(1)).unwrap();
    assert_eq!(mine.reserve(&by(2), at(1)), Err(TransitionError));
    assert_eq!(mine.reserve(&by(1), at(600)), Err(TransitionError));
    assert_eq!(mine.redeem(grant(), poll(1), at(1)), Err(TransitionError));
    let begun = mine.begin_consent(consent(), None, at(900), at(2)).unwrap();
    assert_eq!(begun.claim(at(9), at(20)), Err(TransitionError));
    let back = begun.store_callback(sealed(5), hash(5), poll(3)).unwrap();
    let again = back.store_callback(sealed(5), hash(5), poll(3));
    assert_eq!(again, Err(TransitionError));
    assert_eq!(back.complete(AccountId(1), at(4)), Err(TransitionError));
    let linked = back.complete(AccountId(2), at(4)).unwrap();
    assert_eq!(linked.end(Ending::Expired, at(5)), Err(TransitionError));
}

#[test]
fn a_link_with_a_return_code_waits_for_it() {
    let pending = Link {
        return_code_tries: Some(ReturnCode::TRIES),
        ..new_link(None)
    };
    let begun = pending
        .begin_consent(consent(), None, at(900), at(2))
        .unwrap();
    let redeemed = begun.redeem(grant(), poll(3), at(600)).unwrap();
    assert_eq!(redeemed.complete(AccountId(1), at(4)), Err(TransitionError));
    let held = redeemed.hold(owner(), hash(9), at(10)).unwrap();
    assert_eq!((held.expires_at, held.due_at()), (at(190), Some(at(190))));
    assert_eq!(held.status(at(189)), LinkStatus::Confirming);
    let LinkStatus::Failed(fault) = held.status(at(190)) else {
        panic!("not failed in time");
    };
    assert_eq!(fault.code, FaultCode::NotConfirmed);
    assert_eq!(held.complete(AccountId(1), at(190)), Err(TransitionError));
    let once = held.count_wrong_return_code(at(11)).unwrap();
    let twice = once.count_wrong_return_code(at(12)).unwrap();
    assert_eq!(twice.count_wrong_return_code(at(13)), Err(TransitionError));
    assert!(twice.complete(AccountId(1), at(14)).is_ok());
    assert_eq!(begun.hold(owner(), hash(9), at(3)), Err(TransitionError));
    let unasked = Link {
        return_code_tries: None,
        ..redeemed
    };
    assert_eq!(unasked.hold(owner(), hash(9), at(3)), Err(TransitionError));
}
