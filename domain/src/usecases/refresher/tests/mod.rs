//! Keeping a grant alive under all kinds of failures.

mod answers;
mod configurations;
mod ends;
mod outages;

use async_trait::async_trait;

use crate::audit::Actor;
use crate::fault::FaultCode;
use crate::grant::{Account, AccountStatus, StoredTokens, TokenOrigin};
use crate::ports::{AccountStore, KeyStore, OutageStore, ProviderError, Redemption, RefreshError};
use crate::testing::audit_draft;
use crate::usecases::tests::*;
use crate::usecases::{
    AccountQuery, HandedToken, RefreshOnDemand, RefreshRequest, RefreshResult, Workers,
};

fn gone() -> ProviderError {
    ProviderError::Unavailable {
        detail: "gone".to_owned(),
        retry_after: None,
    }
}

fn refused(code: &str) -> ProviderError {
    ProviderError::Refused {
        code: code.to_owned(),
        detail: "no".to_owned(),
    }
}

impl Stage {
    async fn token(&self, key: &AccessKey, min_ttl: u64) -> Result<HandedToken, Refusal> {
        let caller = self.caller(key).await;
        self.tokens.hand_out(&caller, secs(min_ttl), HOME).await
    }

    /// Links this many accounts of different people.
    async fn link_persons(&self, count: usize) {
        for person in 0..count {
            let person = ScriptedProvider::person(&format!("person-{person}"));
            self.provider.answer_identify(Ok(person));
            self.linked().await;
        }
    }

    /// Returns all accounts as an operator sees them.
    async fn listed(&self) -> Vec<Account> {
        let page = self
            .accounts
            .list(&Caller::ADMIN, AccountQuery::default(), None, 100)
            .await;
        page.unwrap().items
    }

    async fn only_account(&self) -> Account {
        self.stored().await.account
    }

    async fn stored(&self) -> StoredTokens {
        let id = self.store.accounts(None, 1).await.unwrap()[0].id;
        self.store.tokens(id).await.unwrap().unwrap()
    }

    /// Runs the scheduler once: claims due refreshes and completes them.
    async fn refresh_due(&self) -> usize {
        let leases = self.refresher.claim_due(10, &[]).await.unwrap();
        let claimed = leases.len();
        for lease in leases {
            self.see_lease_through(lease).await;
        }
        claimed
    }

    async fn see_lease_through(&self, lease: StoredTokens) {
        let result = self.refresher.attempt(&lease).await;
        self.refresher.record_result(&lease, &result).await.unwrap();
    }

    /// Waits until the next refresh is due.
    async fn until_due(&self) {
        let idle = self.refresher.idle_for(&[]).await.unwrap();
        self.clock.advance(idle.expect("nothing is planned"));
    }

    async fn claim_due_one(&self) -> StoredTokens {
        let mut leases = self.refresher.claim_due(10, &[]).await.unwrap();
        assert_eq!(leases.len(), 1);
        leases.remove(0)
    }
}

#[tokio::test]
async fn ahead_of_expiry_asked_for_or_not() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let first = stage.only_account().await;
    for round in 1..=5 {
        stage.until_due().await;
        let expires_at = stage.only_account().await.access_token_expires_at.unwrap();
        let left = expires_at.since(stage.clock_now());
        assert!((180..=360).contains(&left.as_secs()), "{left:?}");
        assert_eq!(stage.refresh_due().await, 1);
        assert_eq!(stage.refresh_due().await, 0);
        let token = stage.token(&key, 0).await.unwrap();
        assert_eq!(token.access_token.expose(), format!("refreshed-{round}"));
        assert!(token.warning.is_none());
    }
    let presented = [
        "refresh-1",
        "rotated-1",
        "rotated-2",
        "rotated-3",
        "rotated-4",
    ];
    assert_eq!(stage.provider.presented(), presented);
    let last = stage.only_account().await;
    assert_eq!((last.id, last.linked_at), (first.id, first.linked_at));
    assert!(last.last_refreshed_at > Some(last.linked_at));
}

#[tokio::test]
async fn a_token_that_lasts_too_short_is_refreshed_once() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.clock.advance(secs(600));
    let token = stage.token(&key, 3300).await.unwrap();
    assert_eq!(token.access_token.expose(), "refreshed-1");
    for min_ttl in [3300, 3600, 99_999] {
        let token = stage.token(&key, min_ttl).await.unwrap();
        assert_eq!(token.access_token.expose(), "refreshed-1");
        let warned = token
            .warning
            .is_some_and(|fault| fault.code == FaultCode::MinTtlUnmet);
        assert_eq!(warned, min_ttl > 3300);
        stage.clock.advance(secs(10));
    }
    assert_eq!(stage.provider.presented().len(), 1);
    // In the second half of the token's lifetime, a `min_ttl` that no token can meet causes one more refresh.
    stage.clock.advance(secs(1800));
    stage.token(&key, 99_999).await.unwrap();
    assert_eq!(stage.provider.presented().len(), 2);
}

#[tokio::test]
async fn inspecting_a_token_refreshes_nothing() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let caller = stage.caller(&key).await;
    let inspect = async |min_ttl| stage.tokens.inspect(&caller, secs(min_ttl)).await;
    stage.clock.advance(secs(3000));
    let token = inspect(1200).await.unwrap();
    assert_eq!(token.access_token.expose(), "access-1");
    assert_eq!(token.warning.unwrap().code, "min_ttl_unmet".into());
    stage.clock.advance(secs(600));
    let expired = inspect(0).await.err();
    assert!(matches!(expired, Some(Refusal::ProviderUnavailable { .. })));
    assert!(stage.provider.presented().is_empty());
    stage.token(&key, 0).await.unwrap();
    assert_eq!(stage.provider.presented().len(), 1);
    inspect(0).await.unwrap();
}

#[tokio::test]
async fn an_outage_costs_time_and_callers_do_not_override_the_pause() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.until_due().await;
    stage.provider.answer_refresh(Err(gone().into()));
    stage.refresh_due().await;
    assert_eq!(stage.only_account().await.status, AccountStatus::Degraded);
    let token = stage.token(&key, 3000).await.unwrap();
    assert_eq!(token.access_token.expose(), "access-1");
    assert_eq!(token.warning.unwrap().code, "provider_unavailable".into());
    assert_eq!(stage.provider.presented().len(), 1, "the pause lasts");

    for _ in 0..12 {
        stage.until_due().await;
        stage.provider.answer_refresh(Err(gone().into()));
        stage.refresh_due().await;
    }
    let refusal = stage.token(&key, 0).await.err().unwrap();
    let Refusal::ProviderUnavailable { retry_after, .. } = refusal else {
        panic!("{refusal:?}");
    };
    assert!(
        (300..=375).contains(&retry_after.as_secs()),
        "{retry_after:?}"
    );
    let presented = stage.provider.presented();
    assert!(presented.iter().all(|token| token == "refresh-1"));

    stage.clock.advance(retry_after);
    let token = stage.token(&key, 0).await.unwrap();
    assert!(token.warning.is_none());
    assert_eq!(stage.only_account().await.status, AccountStatus::Active);
}

#[tokio::test]
async fn a_crash_presents_the_same_token_again_and_says_so_at_the_end() {
    let stage = Stage::new().await;
    stage.linked().await;
    stage.until_due().await;
    let crashed = stage.claim_due_one().await;
    stage.refresher.attempt(&crashed).await;
    assert_eq!(stage.refresh_due().await, 0, "the lease lasts");
    stage.until_due().await;
    stage
        .provider
        .answer_refresh(Err(refused("invalid_grant").into()));
    assert_eq!(stage.refresh_due().await, 1);
    assert_eq!(stage.provider.presented(), ["refresh-1", "refresh-1"]);
    let account = stage.only_account().await;
    assert_eq!(account.status, AccountStatus::RelinkRequired);
    let fault = account.last_error.unwrap();
    assert!(fault.detail.contains("was lost"), "{fault:?}");
}

#[tokio::test]
async fn a_late_success_changes_nothing() {
    let stage = Stage::new().await;
    stage.linked().await;
    stage.until_due().await;
    let late = stage.claim_due_one().await;
    let answer = stage.refresher.attempt(&late).await;
    stage.until_due().await;
    stage.refresh_due().await;
    let newer = stage.stored().await;
    stage.refresher.record_result(&late, &answer).await.unwrap();
    assert_eq!(stage.stored().await, newer);
    stage.until_due().await;
    stage.refresh_due().await;
    let presented = ["refresh-1", "refresh-1", "rotated-2"];
    assert_eq!(stage.provider.presented(), presented);
}

#[tokio::test]
async fn a_lease_that_is_over_sends_nothing() {
    let stage = Stage::new().await;
    stage.linked().await;
    stage.until_due().await;
    let slow = stage.claim_due_one().await;
    stage.clock.advance(secs(6));
    let result = stage.refresher.attempt(&slow).await;
    assert!(matches!(result, RefreshResult::Unsent));
    stage.refresher.record_result(&slow, &result).await.unwrap();
    assert!(stage.provider.presented().is_empty());
    assert_eq!(stage.refresh_due().await, 1);

    // Somebody linked the account again in between.
    stage.until_due().await;
    let stale = stage.claim_due_one().await;
    stage.linked().await;
    let result = stage.refresher.attempt(&stale).await;
    assert!(matches!(result, RefreshResult::Unsent));
    stage
        .refresher
        .record_result(&stale, &result)
        .await
        .unwrap();
    assert_eq!(stage.stored().await.account.status, AccountStatus::Active);
}

#[tokio::test]
async fn a_lease_that_runs_out_while_it_is_looked_at_sends_nothing() {
    let stage = Stage::new().await;
    stage.linked().await;
    stage.until_due().await;
    let slow = stage.claim_due_one().await;
    // The process was suspended, or the connection to the database broke, after the store had read the row.
    stage.store.answer_late(&stage.clock, secs(60));
    let result = stage.refresher.attempt(&slow).await;
    assert!(matches!(result, RefreshResult::Unsent));
    assert!(stage.provider.presented().is_empty());
}

#[tokio::test]
async fn a_refresh_token_goes_nowhere_else() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.provider.move_to(Some(TokenOrigin {
        issuer: None,
        token_endpoint: "https://elsewhere.test/token".to_owned(),
        client_id: "client".to_owned(),
    }));
    stage.until_shown().await;
    let account = stage.only_account().await;
    assert_eq!(account.status, AccountStatus::Degraded);
    assert_eq!(account.last_error.unwrap().code, "client_changed".into());
    assert!(stage.token(&key, 0).await.is_ok());
    stage.clock.advance(secs(400));
    let refusal = stage.token(&key, 0).await.err().unwrap();
    assert!(matches!(refusal, Refusal::RelinkRequired(_)), "{refusal:?}");
    assert!(stage.provider.presented().is_empty());
    // Once the configuration is restored, the account recovers by itself.
    stage.provider.move_to(None);
    stage.until_due().await;
    stage.refresh_due().await;
    assert!(stage.token(&key, 0).await.unwrap().warning.is_none());
}

#[tokio::test]
async fn a_lost_answer_is_retried_with_the_same_token() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.until_due().await;
    stage.provider.answer_refresh(Err(RefreshError {
        cause: gone(),
        may_have_acted: true,
    }));
    stage.refresh_due().await;
    assert!(stage.stored().await.attempts.ambiguous);
    stage.until_due().await;
    stage.refresh_due().await;
    assert_eq!(stage.provider.presented(), ["refresh-1", "refresh-1"]);
    assert!(!stage.stored().await.attempts.ambiguous);
    assert!(stage.token(&key, 0).await.unwrap().warning.is_none());
}

#[tokio::test]
async fn the_operator_s_mistake_degrades() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let mistake = ProviderError::Misconfigured {
        code: "invalid_client".to_owned(),
        detail: "who?".to_owned(),
    };
    stage.until_due().await;
    stage.provider.answer_refresh(Err(mistake.into()));
    stage.refresh_due().await;
    let account = stage.only_account().await;
    assert_eq!(account.status, AccountStatus::Degraded);
    assert_eq!(account.last_error.unwrap().code, "invalid_client".into());
    let caller = stage.caller(&key).await;
    let refusal = stage.accounts.refresh(&caller, account.id, HOME).await;
    assert!(matches!(refusal, Err(Refusal::ProviderRefused(_))));
}

#[tokio::test]
async fn without_a_refresh_token_the_token_serves_out_its_time() {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    stage.confirm(&code).await.unwrap();
    stage.grants("access-1");
    stage.poll_providers().await;
    let account = stage.only_account().await;
    assert_eq!(account.next_refresh_at, None);
    assert_eq!(
        account.warning(stage.clock_now()).unwrap().code,
        FaultCode::NoRefreshToken
    );
    let token = stage.token(&key, 9999).await.unwrap();
    assert_eq!(token.warning.unwrap().code, "min_ttl_unmet".into());
    let caller = stage.caller(&key).await;
    let refused = stage
        .accounts
        .refresh(&caller, token.account.id, HOME)
        .await;
    // The access token is still valid, so nobody needs to consent again yet.
    assert!(matches!(refused, Err(Refusal::Unprocessable(_))));
    stage.clock.advance(secs(3600));
    let refused = stage
        .accounts
        .refresh(&caller, token.account.id, HOME)
        .await;
    assert!(matches!(refused, Err(Refusal::RelinkRequired(_))));
    let refusal = stage.token(&key, 0).await.err().unwrap();
    assert!(matches!(refusal, Refusal::RelinkRequired(_)), "{refusal:?}");
    let seen = stage.accounts.get(&Caller::ADMIN, token.account.id).await;
    assert_eq!(seen.unwrap().status, AccountStatus::RelinkRequired);
}

#[tokio::test]
async fn a_grant_that_was_given_up_can_be_tried() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.until_due().await;
    stage
        .provider
        .answer_refresh(Err(refused("invalid_grant").into()));
    stage.refresh_due().await;
    let account = stage.only_account().await;
    assert_eq!(stage.refresher.idle_for(&[]).await.unwrap(), None);
    assert!(
        stage.token(&key, 9999).await.is_ok(),
        "it serves out its time"
    );
    let caller = stage.caller(&key).await;
    // A temporary error does not make the account active or degraded again.
    stage.provider.answer_refresh(Err(gone().into()));
    let refusal = stage.accounts.refresh(&caller, account.id, HOME).await;
    assert!(matches!(refusal, Err(Refusal::RelinkRequired(_))));
    let still = stage.only_account().await;
    assert_eq!(
        (still.status, &still.last_error),
        (account.status, &account.last_error)
    );
    let healed = stage.accounts.refresh(&caller, account.id, HOME).await;
    assert_eq!(healed.unwrap().status, AccountStatus::Active);
    assert_eq!(stage.provider.presented().len(), 3);
}

#[tokio::test]
async fn a_clock_that_was_put_back_makes_no_dead_token_good() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.clock.set(stage.clock_now() - secs(3600));
    let token = stage.token(&key, 0).await.unwrap();
    assert_eq!(token.access_token.expose(), "refreshed-1");
    stage.token(&key, 0).await.unwrap();
    assert_eq!(stage.provider.presented().len(), 1);
}

#[tokio::test]
async fn a_token_from_before_a_clock_step_is_not_served_while_its_refresh_fails() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.clock.set(stage.clock_now() - secs(7200));
    stage.provider.answer_refresh(Err(gone().into()));
    let refused = stage.token(&key, 0).await;
    assert!(
        matches!(refused, Err(Refusal::ProviderUnavailable { .. })),
        "its end is unknown"
    );
    stage.clock.advance(secs(5));
    let token = stage.token(&key, 0).await.unwrap();
    assert_eq!(token.access_token.expose(), "refreshed-2");
}

#[tokio::test]
async fn a_token_from_before_a_small_clock_step_is_not_served_after_its_end() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.clock.set(stage.clock_now() - secs(30));
    let token = stage.token(&key, 0).await.unwrap();
    assert_eq!(token.access_token.expose(), "refreshed-1");
}

/// Without the repair, the token would be valid again once the clock has caught up.
#[tokio::test]
async fn a_token_from_before_a_clock_step_stays_expired_in_a_long_outage() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    stage.clock.set(stage.clock_now() - secs(7200));
    (0..100).for_each(|_| stage.provider.answer_refresh(Err(gone().into())));
    stage.housekeeping.undo_clock_steps().await.unwrap();
    for _ in 0..30 {
        stage.clock.advance(secs(300));
        stage.refresh_due().await;
        assert!(stage.token(&key, 0).await.is_err());
    }
}

/// An earlier process stored the end of a pause with a clock that was ahead. The pause must end early, although it is
/// not longer than the longest pause.
#[tokio::test]
async fn a_pause_from_before_a_restart_ends_if_the_clock_was_set_back_meanwhile() {
    for is_killed in [true, false] {
        let stage = Stage::new().await;
        stage.linked().await;
        let right = stage.clock_now() + secs(3500);
        stage.clock.set(right + secs(2700));
        stage.provider.answer_refresh(Err(gone().into()));
        stage.housekeeping.check_in().await.unwrap();
        assert_eq!(stage.refresh_due().await, 1);
        stage.audit.store(true).await.unwrap();
        if !is_killed {
            stage.housekeeping.check_out().await.unwrap();
        }
        stage.clock.set(right);
        let next = stage.another_replica().await;
        next.housekeeping.check_in().await.unwrap();
        next.housekeeping.undo_clock_steps().await.unwrap();
        assert_eq!(next.refresh_due().await, 1, "killed: {is_killed}");
    }
}

#[tokio::test]
async fn a_client_that_is_refused_is_tried_by_one_at_a_time() {
    let stage = Stage::new().await;
    stage.link_persons(20).await;
    stage.clock.advance(secs(3500));
    let refused = || ProviderError::Misconfigured {
        code: "invalid_client".to_owned(),
        detail: "the secret has expired".to_owned(),
    };
    (0..200).for_each(|_| stage.provider.answer_refresh(Err(refused().into())));
    let from = stage.clock_now();
    while stage.clock_now().since(from) < secs(3600) {
        stage.until_due().await;
        stage.refresh_due().await;
    }
    let presented = stage.provider.presented().len();
    assert!((5..100).contains(&presented), "{presented}");
    let accounts = async || stage.listed().await;
    for account in accounts().await {
        assert_eq!(account.status, AccountStatus::Degraded);
        assert_eq!(account.last_error.unwrap().code, "invalid_client".into());
    }

    // The operator has configured a valid client secret.
    stage.provider.forget_refreshes();
    let from = stage.clock_now();
    while accounts().await.iter().any(|a| a.last_error.is_some()) {
        stage.until_due().await;
        stage.refresh_due().await;
        assert!(stage.clock_now().since(from) < secs(1200));
    }
}

#[tokio::test]
async fn what_one_replica_cannot_reach_is_left_to_the_others() {
    let one = Stage::new().await;
    one.link_persons(40).await;
    let two = one.another_replica().await;
    (0..1000).for_each(|_| one.provider.answer_refresh(Err(gone().into())));
    let ill = async || {
        let all = one.listed().await;
        all.iter()
            .filter(|a| a.status != AccountStatus::Active)
            .count()
    };
    // `one` claims before `two` in every second, but `one` cannot reach the provider.
    let from = one.clock_now();
    while one.clock_now().since(from) < secs(3600) {
        one.refresh_due().await;
        two.refresh_due().await;
        one.clock.advance(secs(1));
    }
    assert_eq!(ill().await, 0);
    assert!(two.provider.presented().len() >= 40);
    let presented = one.provider.presented().len();
    assert!((5..40).contains(&presented), "{presented}");

    // `two` has stopped. `one` claims the due refreshes again, so the accounts at least show the error.
    let from = one.clock_now();
    while ill().await < 40 {
        one.until_due().await;
        one.refresh_due().await;
        assert!(one.clock_now().since(from) < secs(3700));
    }
}

/// Changes that happen while a caller waits for a refresh.
struct Meanwhile<F>(F);

#[async_trait]
impl<F, Done> RefreshOnDemand for Meanwhile<F>
where
    F: Fn() -> Done + Send + Sync,
    Done: Future<Output = ()> + Send,
{
    async fn refresh(&self, _: RefreshRequest, _: Duration) {
        (self.0)().await;
    }
}

#[tokio::test]
async fn a_key_that_is_deleted_while_its_caller_waits_opens_nothing() {
    for account_goes in [false, true] {
        let stage = Stage::new().await;
        let (_, key) = stage.linked().await;
        let caller = stage.caller(&key).await;
        let store = Arc::clone(&stage.store);
        let seen = stage.stored().await;
        let lease = stage.revoker.of_account(&seen);
        let meanwhile = Meanwhile(move || {
            let (store, seen, lease) = (Arc::clone(&store), seen.clone(), lease.clone());
            async move {
                let id = seen.account.id;
                let audit = audit_draft(Actor::ADMIN, Timestamp::from_millis(0));
                let key = store.keys(id, None, 1).await.unwrap()[0].id;
                if account_goes {
                    store.delete_account(&seen, lease, audit).await.unwrap();
                } else {
                    let gone = store.delete_key(id, key, Descendants::Kept, audit).await;
                    assert_eq!(gone.unwrap(), [key]);
                }
            }
        });
        let workers = Workers::new(&stage.ports, &settings());
        let (meanwhile, revoker) = (Arc::new(meanwhile), Arc::clone(&workers.revoker));
        let services = Services::new(&stage.ports, &settings(), workers, meanwhile, revoker);
        stage.clock.advance(secs(1000));
        let refusal = services
            .tokens
            .hand_out(&caller, secs(3000), HOME)
            .await
            .err();
        assert!(
            matches!(refusal, Some(Refusal::Unauthorized(_))),
            "{refusal:?}"
        );
    }
}
