//! A provider that serves nobody.

use super::*;
use crate::usecases::refresher::{Claim, may_try};

#[tokio::test]
async fn a_provider_that_is_down_is_probed_by_one_at_a_time() {
    let stage = Stage::new().await;
    stage.link_persons(20).await;
    // All refreshes are due, and no access token has expired yet.
    stage.clock.advance(secs(3500));
    let down = || stage.provider.answer_refresh(Err(gone().into()));
    (0..200).for_each(|_| down());
    while stage.refresh_due().await > 0 {}
    assert_eq!(stage.provider.presented().len(), 5, "then it is an outage");
    let mut accounts = stage.listed().await;
    assert!(accounts.iter().all(|a| a.status == AccountStatus::Degraded));
    let written = stage.store.accounts(None, 100).await.unwrap();
    let untouched = written.iter().filter(|a| a.status == AccountStatus::Active);
    assert_eq!(
        untouched.count(),
        15,
        "nothing is written for those that wait"
    );
    let from = stage.clock_now();
    while stage.clock_now().since(from) < secs(300) {
        stage.until_due().await;
        stage.refresh_due().await;
    }
    let probes = stage.provider.presented().len() - 5;
    assert!((3..30).contains(&probes), "{probes}");

    // The provider works again: the next probe detects it, and all accounts recover within a few minutes.
    stage.provider.forget_refreshes();
    let from = stage.clock_now();
    while accounts.iter().any(|a| a.status != AccountStatus::Active) {
        stage.until_due().await;
        stage.refresh_due().await;
        accounts = stage.listed().await;
        assert!(stage.clock_now().since(from) < secs(1200));
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_presented_is_no_probe() {
    let stage = Stage::new().await;
    let mut grant = ScriptedProvider::tokens("access-1", Some("refresh-1"));
    grant.origin.client_id = "the client of yesterday".to_owned();
    stage.provider.move_to(Some(grant.origin.clone()));
    let (code, _) = stage.started().await;
    stage.confirm(&code).await.unwrap();
    let grant = Redemption::Granted(Box::new(grant));
    stage.provider.answer_redeem(Ok(grant));
    stage.poll_providers().await;
    stage.provider.move_to(None);
    stage.link_persons(5).await;
    stage.clock.advance(secs(3500));
    (0..60).for_each(|_| stage.provider.answer_refresh(Err(gone().into())));
    while stage.refresh_due().await > 0 {}
    assert_eq!(stage.provider.presented().len(), 5, "then it is an outage");

    // The pauses of all accounts are over now.
    stage.clock.advance(secs(400));
    let mut presented = 5;
    loop {
        let probes = stage.refresh_due().await;
        let before = std::mem::replace(&mut presented, stage.provider.presented().len());
        if probes == 1 && presented == before {
            break;
        }
        stage.until_due().await;
    }
    // The probed account has another client id, so nothing was sent. Another account is probed at the same moment.
    assert_eq!(stage.refresh_due().await, 1);
    assert_eq!(stage.provider.presented().len(), presented + 1);
}

/// The account of the probe is being refreshed already, or a caller's request has taken the last slot.
#[tokio::test]
async fn a_probe_that_is_not_started_gives_its_turn_to_another_account() {
    let stage = Stage::new().await;
    stage.link_persons(10).await;
    stage.clock.advance(secs(3500));
    (0..5).for_each(|_| stage.provider.answer_refresh(Err(gone().into())));
    while stage.refresh_due().await > 0 {}
    stage.until_due().await;
    let probe = stage.claim_due_one().await;
    let unsent = stage
        .refresher
        .record_result(&probe, &RefreshResult::Unsent);
    unsent.await.unwrap();
    let next = stage.claim_due_one().await;
    assert_ne!(next.account.id, probe.account.id);
}

/// The provider hangs or the process is killed, so the probe has no result.
#[tokio::test]
async fn a_probe_without_an_answer_delays_the_next_one_by_a_pause() {
    let stage = Stage::new().await;
    stage.link_persons(10).await;
    stage.clock.advance(secs(3500));
    (0..5).for_each(|_| stage.provider.answer_refresh(Err(gone().into())));
    while stage.refresh_due().await > 0 {}
    for _ in 0..4 {
        let mut unanswered = Vec::new();
        while unanswered.is_empty() {
            stage.until_due().await;
            unanswered = stage.refresher.claim_due(10, &[]).await.unwrap();
        }
    }
    let began = stage.clock_now();
    while stage.refresh_due().await == 0 {
        stage.until_due().await;
    }
    assert!(stage.clock_now().since(began) < secs(3));
    assert_eq!(stage.store.outages().await.unwrap(), []);
}

/// All twenty accounts have failed, so none of them is probed again for a while. A caller does not wait for the next
/// probe.
#[tokio::test]
async fn who_asks_for_an_account_that_has_failed_is_answered_at_once() {
    let stage = Stage::new().await;
    stage.link_persons(20).await;
    stage.clock.advance(secs(3500));
    (0..40).for_each(|_| stage.provider.answer_refresh(Err(gone().into())));
    let mut last = None;
    while stage.provider.presented().len() < 20 {
        stage.until_due().await;
        for lease in stage.refresher.claim_due(10, &[]).await.unwrap() {
            last = Some(lease.account.id);
            stage.see_lease_through(lease).await;
        }
    }
    stage.clock.advance(secs(3));
    let outage = stage.store.outages().await.unwrap().remove(0);
    assert!(outage.is_probe_due(stage.clock_now()));
    let tokens = stage.store.tokens(last.unwrap()).await.unwrap().unwrap();
    assert!(may_try(&tokens, stage.clock_now()), "its own pause is over");
    let request = RefreshRequest::for_better_than(&tokens);
    let claim = stage.refresher.claim(&request).await.unwrap();
    assert!(matches!(claim, Claim::Settled));
}

/// The account's scheduled refresh is much later, but the caller can retry at the next probe.
#[tokio::test]
async fn who_asks_for_a_well_account_is_told_to_ask_again_soon() {
    let stage = Stage::new().await;
    stage.link_persons(5).await;
    stage.clock.advance(secs(3500));
    let person = ScriptedProvider::person("somebody-new");
    stage.provider.answer_identify(Ok(person));
    stage.linked().await;
    (0..40).for_each(|_| stage.provider.answer_refresh(Err(gone().into())));
    while stage.refresh_due().await > 0 {}
    let well = stage.last_account().await;
    let refused = stage.accounts.refresh(&Caller::ADMIN, well, HOME).await;
    let Err(Refusal::ProviderUnavailable {
        retry_after,
        detail,
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert!(retry_after < secs(60), "{retry_after:?}");
    assert!(detail.contains("the provider is down"), "{detail}");
    // At that time, this account is the probe.
    stage.provider.forget_refreshes();
    stage.clock.advance(retry_after);
    let refreshed = stage.accounts.refresh(&Caller::ADMIN, well, HOME).await;
    assert_eq!(refreshed.unwrap().status, AccountStatus::Active);
}

/// An outage is recorded once for all accounts, so most of them have not failed themselves.
#[tokio::test]
async fn who_asks_during_an_outage_is_told_to_ask_again_after_the_next_probe() {
    let stage = Stage::new().await;
    stage.link_persons(10).await;
    stage.clock.advance(secs(3700));
    let unavailable = || ProviderError::Unavailable {
        detail: "busy".to_owned(),
        retry_after: Some(secs(120)),
    };
    (0..40).for_each(|_| stage.provider.answer_refresh(Err(unavailable().into())));
    while stage.refresh_due().await > 0 {}
    let probe_at = stage.store.outages().await.unwrap().remove(0).probe_at;
    assert_eq!(probe_at.since(stage.clock_now()), secs(120));
    for account in stage.store.accounts(None, 10).await.unwrap() {
        let refused = stage
            .accounts
            .refresh(&Caller::ADMIN, account.id, HOME)
            .await;
        let Err(Refusal::ProviderUnavailable { retry_after, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert!((secs(120)..secs(180)).contains(&retry_after));
    }
}

/// Two replicas probe. The first probe gets a `Retry-After`, after the second one was claimed.
#[tokio::test]
async fn a_retry_after_counts_although_another_replica_has_probed_meanwhile() {
    let one = Stage::new().await;
    one.link_persons(10).await;
    let two = one.another_replica().await;
    one.clock.advance(secs(3500));
    (0..5).for_each(|_| one.provider.answer_refresh(Err(gone().into())));
    while one.refresh_due().await > 0 {}
    one.clock.advance(secs(1));
    let first = one.claim_due_one().await;
    one.clock.advance(secs(2));
    two.claim_due_one().await;
    let unavailable = ProviderError::Unavailable {
        detail: "busy".to_owned(),
        retry_after: Some(secs(120)),
    };
    one.provider.answer_refresh(Err(unavailable.into()));
    one.refresher.attempt(&first).await;
    let outage = one.store.outages().await.unwrap().remove(0);
    assert_eq!(outage.probe_at, one.clock_now() + secs(120));
}

#[tokio::test]
async fn failures_of_few_accounts_are_no_outage() {
    let stage = Stage::new().await;
    stage.link_persons(5).await;
    stage.clock.advance(secs(3500));
    let accounts = stage.listed().await;
    // Four accounts fail again and again, and no other account is refreshed meanwhile.
    for _ in 0..20 {
        for account in &accounts[..4] {
            stage.provider.answer_refresh(Err(gone().into()));
            let tokens = stage.store.tokens(account.id).await.unwrap().unwrap();
            let request = RefreshRequest::for_better_than(&tokens);
            stage.refresher.refresh(request, secs(1)).await;
        }
        stage.clock.advance(secs(1));
    }
    stage.provider.forget_refreshes();
    assert_eq!(stage.store.outages().await.unwrap(), []);
    let tokens = stage.store.tokens(accounts[4].id).await.unwrap().unwrap();
    let request = RefreshRequest::for_better_than(&tokens);
    stage.refresher.refresh(request, secs(1)).await;
    let well = stage.store.tokens(accounts[4].id).await.unwrap().unwrap();
    assert!(well.generation > tokens.generation);
}

/// Six grants have ended, but the provider's errors do not say so. The seventh grant works.
#[tokio::test]
async fn many_dead_grants_get_their_verdict_while_another_is_refreshed() {
    let stage = Stage::new().await;
    stage.link_persons(7).await;
    let from = stage.clock_now();
    let dead = |account: &Account| account.status == AccountStatus::RelinkRequired;
    let mut accounts = stage.listed().await;
    while accounts.iter().filter(|account| dead(account)).count() < 6 {
        stage.until_due().await;
        for lease in stage.refresher.claim_due(10, &[]).await.unwrap() {
            stage.provider.forget_refreshes();
            if lease.account.id != accounts[6].id {
                let refused = refused("http_400");
                stage.provider.answer_refresh(Err(refused.into()));
            }
            stage.see_lease_through(lease).await;
        }
        accounts = stage.listed().await;
        assert!(
            stage.clock_now().since(from) < secs(48 * 3600),
            "no verdict"
        );
    }
    assert_eq!(accounts[6].status, AccountStatus::Active);
    assert!(stage.clock_now().since(from) > secs(3 * 3600));
}

#[tokio::test]
async fn a_firewall_s_refusal_of_everybody_ends_no_grant() {
    let stage = Stage::new().await;
    stage.link_persons(6).await;
    stage.clock.advance(secs(3500));
    (0..20_000).for_each(|_| {
        stage
            .provider
            .answer_refresh(Err(refused("http_403").into()));
    });
    let from = stage.clock_now();
    while stage.clock_now().since(from) < secs(8 * 24 * 3600) {
        stage.until_due().await;
        stage.refresh_due().await;
    }
    let accounts = stage.listed().await;
    assert!(accounts.iter().all(|a| a.status == AccountStatus::Degraded));
    stage.provider.forget_refreshes();
    stage.clock.advance(secs(400));
    while stage.refresh_due().await > 0 {}
    let accounts = stage.listed().await;
    assert!(accounts.iter().all(|a| a.status == AccountStatus::Active));
}

#[tokio::test]
async fn an_outage_of_a_clock_that_was_ahead_closes_no_provider() {
    let stage = Stage::new().await;
    stage.link_persons(6).await;
    let before = stage.clock_now();
    stage.clock.set(before + secs(2 * 3600));
    (0..8).for_each(|_| stage.provider.answer_refresh(Err(gone().into())));
    while stage.refresh_due().await > 0 {}
    // The probe fails too, so this process leaves the next probe to other replicas for a moment.
    stage.until_due().await;
    stage.refresh_due().await;
    assert_eq!(stage.store.outages().await.unwrap().len(), 1);

    stage.provider.forget_refreshes();
    stage.clock.set(before);
    let refresher = &stage.refresher;
    let tokens = stage.store.tokens(stage.listed().await[5].id).await;
    let request = RefreshRequest::for_better_than(&tokens.unwrap().unwrap());
    refresher.refresh(request, secs(1)).await;
    assert_eq!(stage.store.outages().await.unwrap(), [], "it is asked");
}

/// After an outage, every account counts as failed before. If a firewall then refuses everybody again, no grant ends.
#[tokio::test]
async fn refusing_everybody_again_ends_no_grant() {
    let stage = Stage::new().await;
    stage.link_persons(6).await;
    stage.clock.advance(secs(3500));
    let accounts: Vec<_> = stage.listed().await.iter().map(|a| a.id).collect();
    let has_failed = async |account| {
        let tokens = stage.store.tokens(account).await.unwrap().unwrap();
        tokens.attempts.failures > 0
    };
    for account in &accounts {
        while !has_failed(*account).await {
            stage
                .refresh_due_with(&refused("http_403"), &accounts)
                .await;
            stage.until_due().await;
        }
    }
    // One successful refresh ends the outage.
    while has_failed(accounts[0]).await {
        stage
            .refresh_due_with(&refused("http_403"), &accounts[1..])
            .await;
        stage.until_due().await;
    }
    assert_eq!(stage.store.outages().await.unwrap(), []);
    let from = stage.clock_now();
    while stage.clock_now().since(from) < secs(8 * 24 * 3600) {
        stage
            .refresh_due_with(&refused("http_403"), &accounts)
            .await;
        stage.until_due().await;
    }
    let listed = stage.listed().await;
    assert!(listed.iter().all(|a| a.status == AccountStatus::Degraded));
    stage.clock.advance(secs(400));
    stage.refresh_due_with(&gone(), &[]).await;
    while stage.refresh_due().await > 0 {}
    let listed = stage.listed().await;
    assert!(listed.iter().all(|a| a.status == AccountStatus::Active));
}

impl Stage {
    /// Completes all due refreshes. Refreshes of the accounts in `sick` fail with `error`.
    async fn refresh_due_with(&self, error: &ProviderError, sick: &[AccountId]) {
        for lease in self.refresher.claim_due(10, &[]).await.unwrap() {
            self.provider.forget_refreshes();
            if sick.contains(&lease.account.id) {
                self.provider.answer_refresh(Err(error.clone().into()));
            }
            self.see_lease_through(lease).await;
        }
    }

    /// Returns for how long the refresh of an account has been due.
    async fn overdue(&self, account: AccountId) -> Duration {
        let tokens = self.store.tokens(account).await.unwrap().unwrap();
        let due_at = tokens.account.next_refresh_at.unwrap();
        self.clock_now().since(due_at)
    }
}

/// Accounts that fail for hours begin one outage, and the first response to another account ends it for good.
#[tokio::test]
async fn however_many_accounts_are_sick_a_well_one_is_refreshed_when_it_is_due() {
    for count in [4, 5, 12, 40] {
        let stage = Stage::new().await;
        stage.link_persons(count + 1).await;
        let accounts: Vec<_> = stage.listed().await.iter().map(|a| a.id).collect();
        let (well, sick) = accounts.split_first().unwrap();
        let (from, mut longest) = (stage.clock_now(), Duration::ZERO);
        while stage.clock_now().since(from) < secs(12 * 3600) {
            stage.until_due().await;
            if stage.clock_now().since(from) > secs(2 * 3600) {
                longest = longest.max(stage.overdue(*well).await);
            }
            stage.refresh_due_with(&gone(), sick).await;
        }
        assert!(longest < secs(2), "{count}: {longest:?}");
    }
}

/// All sick accounts fail for the first time within one token lifetime, so nothing yet tells them from the well
/// account.
#[tokio::test]
async fn a_well_account_among_many_that_begin_to_fail_is_refreshed_soon() {
    for count in [5, 20, 30] {
        for well in [0, count / 3, count / 2, count] {
            let stage = Stage::new().await;
            stage.link_persons(count + 1).await;
            let mut sick: Vec<_> = stage.listed().await.iter().map(|a| a.id).collect();
            let well = sick.remove(well);
            let (from, mut longest) = (stage.clock_now(), Duration::ZERO);
            while stage.clock_now().since(from) < secs(2 * 3600) {
                stage.until_due().await;
                longest = longest.max(stage.overdue(well).await);
                stage.refresh_due_with(&gone(), &sick).await;
            }
            assert!(longest < secs(15), "{count}: {longest:?}");
        }
    }
}
