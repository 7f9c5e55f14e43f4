//! Ends of grants that no refresh postpones.

use super::*;
use crate::fault::FaultCode;
use crate::ports::CensusStore;

const DAY: u64 = 24 * 60 * 60;
const YEAR: u64 = 365 * DAY;

impl Stage {
    /// Alice consents to a grant with this maximum lifetime, with or without a refresh token.
    async fn linked_for(&self, lasts: Option<u64>, refresh_token: Option<&str>) -> Account {
        let (code, _) = self.started().await;
        self.confirm(&code).await.unwrap();
        let mut tokens = ScriptedProvider::tokens("access-1", refresh_token);
        tokens.grant_expires_in = lasts.map(secs);
        let granted = Redemption::Granted(Box::new(tokens));
        self.provider.answer_redeem(Ok(granted));
        self.poll_providers().await;
        self.only_account().await
    }

    /// Returns the code of the account's current warning.
    async fn warned_of(&self) -> Option<FaultCode> {
        let account = self.only_account().await;
        self.accounts.warning(&account).map(|fault| fault.code)
    }

    /// Returns how many grants end soon, each count with whether a refresh will prevent the end.
    async fn expiring(&self) -> Vec<(bool, u64)> {
        let census = self.store.census(self.clock_now()).await.unwrap();
        let counts = census.expiring.iter();
        counts
            .map(|expiring| (expiring.refresh_due, expiring.count))
            .collect()
    }

    /// Refreshes. The response has this refresh token, or none, and does not state the lifetime of the refresh token.
    async fn refreshed_silently(&self, refresh_token: Option<&str>) -> Account {
        let tokens = ScriptedProvider::tokens("access-3", refresh_token);
        self.provider.answer_refresh(Ok(tokens));
        self.until_due().await;
        assert_eq!(self.refresh_due().await, 1);
        self.only_account().await
    }

    /// Refreshes; the response states this lifetime of the refresh token.
    async fn refreshed_with_end(&self, end_in: u64) {
        let mut tokens = ScriptedProvider::tokens("access-2", Some("refresh-2"));
        tokens.refresh_token_expires_in = Some(secs(end_in));
        self.provider.answer_refresh(Ok(tokens));
        self.until_due().await;
        assert_eq!(self.refresh_due().await, 1);
    }
}

#[tokio::test]
async fn the_age_of_a_grant_counts_from_the_consent_whatever_is_done() {
    let stage = Stage::new().await;
    let sent = stage.clock_now();
    let account = stage.linked_for(Some(YEAR), Some("refresh-1")).await;
    let end = account.grant_expires_at.unwrap();
    assert!(end >= sent + secs(YEAR) && end <= account.linked_at + secs(YEAR));
    for _ in 0..3 {
        stage.until_due().await;
        assert_eq!(stage.refresh_due().await, 1);
    }
    assert_eq!(stage.only_account().await.grant_expires_at, Some(end));
    stage.clock.advance(secs(DAY));
    let again = stage.linked_for(Some(YEAR), Some("refresh-9")).await;
    assert!(again.grant_expires_at.unwrap() >= end + secs(DAY));
    let unknown = stage.linked_for(None, Some("refresh-10")).await;
    assert_eq!(unknown.grant_expires_at, None);
}

#[tokio::test]
async fn a_person_is_warned_and_counted_a_week_before_a_grant_ends_of_age() {
    let stage = Stage::new().await;
    let account = stage.linked_for(Some(YEAR), Some("refresh-1")).await;
    let end = account.grant_expires_at.unwrap();
    stage.clock.set(end - Account::NOTICE - secs(1));
    assert_eq!(stage.warned_of().await, None);
    assert_eq!(stage.expiring().await, []);
    stage.clock.set(end - Account::NOTICE);
    let account = stage.only_account().await;
    let fault = stage.accounts.warning(&account).unwrap();
    assert_eq!(&*fault.code, "grant_expires_soon");
    assert!(
        fault.detail.contains("within 7 days") && fault.detail.contains("consent again"),
        "{}",
        fault.detail
    );
    assert_eq!(stage.expiring().await, [(false, 1)]);
    stage.clock.set(end - secs(60));
    let fault = stage.accounts.warning(&account).unwrap();
    assert!(fault.detail.contains("within a day"), "{}", fault.detail);
    let over = Account {
        status: AccountStatus::RelinkRequired,
        ..account
    };
    assert_eq!(stage.accounts.warning(&over), None, "its status says more");
}

#[tokio::test]
async fn a_grant_whose_age_is_over_is_refreshed_and_only_the_provider_ends_it() {
    let stage = Stage::new().await;
    let account = stage.linked_for(Some(3600), Some("refresh-1")).await;
    stage.clock.set(account.grant_expires_at.unwrap() + secs(1));
    assert_eq!(
        stage.warned_of().await.as_deref(),
        Some("grant_expires_soon")
    );
    assert_eq!(stage.refresh_due().await, 1);
    let account = stage.only_account().await;
    assert_eq!(account.status, AccountStatus::Active);
    assert_eq!(stage.warned_of().await, None, "it was no end");
    stage.until_due().await;
    stage
        .provider
        .answer_refresh(Err(refused("invalid_grant").into()));
    stage.refresh_due().await;
    let account = stage.only_account().await;
    assert_eq!(account.status, AccountStatus::RelinkRequired);
}

#[tokio::test]
async fn an_end_of_a_refresh_token_warns_where_its_use_has_been_seen_not_to_move_it() {
    for (second, expected) in [
        (2 * DAY - 3400, Some("grant_expires_soon")),
        (2 * DAY, None),
    ] {
        let stage = Stage::new().await;
        stage.linked_for(None, Some("refresh-1")).await;
        stage.refreshed_with_end(2 * DAY).await;
        assert_eq!(stage.warned_of().await, None, "nothing is known yet");
        assert_eq!(stage.expiring().await, []);
        stage.refreshed_with_end(second).await;
        assert_eq!(stage.warned_of().await.as_deref(), expected);
        let counted = Vec::from_iter(expected.map(|_| (false, 1)));
        assert_eq!(stage.expiring().await, counted, "{second}");
    }
}

#[tokio::test]
async fn a_grant_is_counted_once_and_as_a_person_s_where_its_age_ends_it_too() {
    let stage = Stage::new().await;
    stage.linked_for(None, Some("refresh-1")).await;
    stage.refreshed_with_end(DAY / 2).await;
    assert_eq!(stage.expiring().await, [(true, 1)]);
    stage.linked_for(Some(3 * DAY), Some("refresh-3")).await;
    stage.refreshed_with_end(DAY / 2).await;
    assert_eq!(stage.expiring().await, [(false, 1)]);
}

#[tokio::test]
async fn that_there_is_no_refresh_token_is_said_before_that_the_grant_ends() {
    let stage = Stage::new().await;
    stage.linked_for(Some(DAY), None).await;
    assert_eq!(stage.warned_of().await.as_deref(), Some("no_refresh_token"));
    assert_eq!(stage.expiring().await, [(false, 1)]);
    stage.clock.advance(secs(3600));
    assert_eq!(stage.expiring().await, [], "it has died already");
}

#[tokio::test]
async fn the_last_known_lifetime_of_refresh_tokens_goes_on_counting() {
    let stage = Stage::new().await;
    stage.linked_for(None, Some("refresh-1")).await;
    stage.refreshed_with_end(1800).await;
    let mut end = None;
    for refresh_token in ["refresh-3", "refresh-4", "refresh-5"] {
        let account = stage.refreshed_silently(Some(refresh_token)).await;
        let refreshed_at = account.last_refreshed_at.unwrap();
        end = account.refresh_token_expires_at;
        assert_eq!(end, Some(refreshed_at + secs(1800)));
        assert!(account.next_refresh_at.unwrap() <= refreshed_at + secs(900));
        assert_eq!(stage.warned_of().await, None);
    }
    for same in [Some("refresh-5"), None] {
        let account = stage.refreshed_silently(same).await;
        assert_eq!(account.refresh_token_expires_at, end, "{same:?}");
    }
}

#[tokio::test]
async fn an_end_that_does_not_move_is_not_moved_by_silence() {
    let stage = Stage::new().await;
    stage.linked_for(None, Some("refresh-1")).await;
    stage.refreshed_with_end(2 * DAY).await;
    stage.refreshed_with_end(2 * DAY - 3400).await;
    let end = stage.only_account().await.refresh_token_expires_at;
    let account = stage.refreshed_silently(Some("refresh-3")).await;
    assert_eq!(account.refresh_token_expires_at, end);
    assert_eq!(
        stage.warned_of().await.as_deref(),
        Some("grant_expires_soon")
    );
}

#[tokio::test]
async fn the_lifetime_of_refresh_tokens_counts_after_a_relink_too() {
    let stage = Stage::new().await;
    stage.linked_for(None, Some("refresh-1")).await;
    stage.refreshed_with_end(1800).await;
    let now = stage.clock_now();
    let account = stage.linked_for(None, Some("refresh-9")).await;
    let (end, due) = (
        account.refresh_token_expires_at.unwrap(),
        account.next_refresh_at.unwrap(),
    );
    assert!(end >= now + secs(1800) && end <= account.linked_at + secs(1800));
    assert!(due <= account.linked_at + secs(900));
}

#[tokio::test]
async fn a_refresh_token_that_ends_with_the_grant_is_not_extended_by_silence() {
    let stage = Stage::new().await;
    let (code, _) = stage.started().await;
    stage.confirm(&code).await.unwrap();
    let mut tokens = ScriptedProvider::tokens("access-1", Some("refresh-1"));
    tokens.grant_expires_in = Some(secs(DAY));
    tokens.refresh_token_expires_in = Some(secs(DAY));
    let granted = Redemption::Granted(Box::new(tokens));
    stage.provider.answer_redeem(Ok(granted));
    stage.poll_providers().await;
    let end = stage.only_account().await.refresh_token_expires_at;
    for refresh_token in ["refresh-2", "refresh-3"] {
        let account = stage.refreshed_silently(Some(refresh_token)).await;
        assert_eq!(account.refresh_token_expires_at, end);
        assert_eq!(account.renewed_by_use, Some(false));
    }
}
