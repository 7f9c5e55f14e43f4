//! Announces grants that end soon and that no refresh can extend, and gives up those that have ended.

use std::sync::Arc;

use super::{AuditLog, Ports};
use crate::audit::{Actor, AuditEvent};
#[cfg(doc)]
use crate::grant::StoredTokens;
use crate::grant::{Account, AccountStatus};
use crate::ports::{Clock, GrantEndStore, StoreError};

/// Announces ends of grants in the audit log, which also notifies the receivers of webhooks, and gives up grants that
/// have ended.
pub struct GrantEnds {
    store: Arc<dyn GrantEndStore>,
    clock: Arc<dyn Clock>,
    audit: Arc<AuditLog>,
}

impl GrantEnds {
    pub(super) fn new(ports: &Ports) -> Self {
        Self {
            store: ports.store.clone(),
            clock: Arc::clone(&ports.clock),
            audit: Arc::clone(&ports.audit),
        }
    }

    /// Announces up to `limit` ends of grants that are less than [`Account::NOTICE`] ahead. Announces each end once.
    /// Returns whether there may be more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn announce(&self, limit: u64) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let period = now..now + Account::NOTICE;
        let mut announced = false;
        let found = self.store.unannounced_ends(period.clone(), limit).await?;
        for account in &found {
            let Some(end) = account.known_end().filter(|end| period.contains(end)) else {
                continue;
            };
            let event = AuditEvent::ends_soon(account, end.since(now));
            let entry = self.audit.draft(Actor::Service, None).entry(event);
            if self.store.announce_end(account.id, end, entry).await? {
                let (account, provider) = (account.id.0, &account.key.provider);
                announced = true;
                tracing::warn!(account, %provider, "the grant ends soon: a person must consent again");
            }
        }
        Ok(announced && found.len() as u64 == limit)
    }

    /// Marks up to `limit` accounts without a refresh token as `relink_required` once their access token has expired,
    /// even if no caller requests the token. Marks an account as active again if a clock that was ahead had let its
    /// token expire ([`StoredTokens::expire`]). Returns whether there may be more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn give_up_expired(&self, limit: u64) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut has_changed = false;
        let found = self.store.expired_accounts(now, limit).await?;
        for account in &found {
            let draft = self.audit.draft(Actor::Service, None);
            match self.store.expire_account(*account, now, draft).await? {
                None => continue,
                Some(AccountStatus::RelinkRequired) => {
                    tracing::warn!(%account, "the access token has expired, and there is no refresh token: a person must consent again");
                }
                Some(_) => {
                    tracing::warn!(%account, "the clock was set back; the access token has not expired yet; the account is active again");
                }
            }
            has_changed = true;
        }
        Ok(has_changed && found.len() as u64 == limit)
    }
}

#[cfg(test)]
mod tests {
    use crate::audit::{AuditFilter, AuditKind};
    use crate::fault::FaultCode;
    use crate::grant::AccountStatus;
    use crate::ports::{AccountStore, AuditStore};
    use crate::usecases::tests::*;

    const DAY: u64 = 24 * 3600;

    /// Links an account whose access token lasts an hour, and which has no refresh token.
    async fn stage() -> Stage {
        let stage = Stage::new().await;
        let (code, _) = stage.started().await;
        stage.confirm(&code).await.unwrap();
        let granted = ScriptedProvider::grant("access-1", None);
        stage.provider.answer_redeem(Ok(granted));
        stage.poll_providers().await;
        stage
    }

    async fn announced(stage: &Stage) -> usize {
        stage.grant_ends.announce(10).await.unwrap();
        recorded(stage, AuditKind::ExpiresSoon).await
    }

    async fn given_up(stage: &Stage) -> usize {
        stage.grant_ends.give_up_expired(10).await.unwrap();
        recorded(stage, AuditKind::RelinkRequired).await
    }

    async fn recorded(stage: &Stage, kind: AuditKind) -> usize {
        stage.audit.store(false).await.unwrap();
        let filter = AuditFilter {
            kind: Some(kind),
            ..AuditFilter::default()
        };
        let found = stage
            .store
            .audit_entries(&filter, crate::audit::AuditNumber(0), 10);
        found.await.unwrap().len()
    }

    #[tokio::test]
    async fn an_end_is_announced_once() {
        let stage = stage().await;
        let account = stage
            .store
            .account(stage.last_account().await)
            .await
            .unwrap();
        assert!(account.unwrap().known_end().is_some());
        assert_eq!(announced(&stage).await, 1);
        assert_eq!(announced(&stage).await, 1);
        let replica = stage.another_replica().await;
        assert_eq!(announced(&replica).await, 1);
    }

    #[tokio::test]
    async fn an_end_that_is_past_is_not_announced() {
        let stage = stage().await;
        stage.clock.advance(secs(2 * DAY));
        assert_eq!(announced(&stage).await, 0);
    }

    #[tokio::test]
    async fn an_account_that_has_ended_is_given_up_once_although_nobody_asks() {
        let stage = stage().await;
        assert_eq!(given_up(&stage).await, 0);
        stage.clock.advance(secs(2 * DAY));
        assert_eq!(given_up(&stage).await, 1);
        let stored = stage.store.account(stage.last_account().await).await;
        let stored = stored.unwrap().unwrap();
        assert_eq!(stored.status, AccountStatus::RelinkRequired);
        assert_eq!(
            stored.last_error.unwrap().code,
            FaultCode::AccessTokenExpired
        );
        assert_eq!(given_up(&stage).await, 1);
        assert_eq!(given_up(&stage.another_replica().await).await, 1);
    }

    #[tokio::test]
    async fn an_account_that_a_clock_ahead_gave_up_is_active_again() {
        let stage = stage().await;
        let right = stage.clock_now();
        stage.clock.advance(secs(2 * DAY));
        assert_eq!(given_up(&stage).await, 1);
        stage.clock.set(right);
        stage.grant_ends.give_up_expired(10).await.unwrap();
        let stored = stage.store.account(stage.last_account().await).await;
        let stored = stored.unwrap().unwrap();
        assert_eq!(stored.status, AccountStatus::Active);
        assert_eq!(stored.last_error, None);
    }

    #[tokio::test]
    async fn an_account_that_can_be_refreshed_has_no_known_end() {
        let stage = Stage::new().await;
        stage.linked().await;
        assert_eq!(announced(&stage).await, 0);
        stage.clock.advance(secs(2 * DAY));
        assert_eq!(given_up(&stage).await, 0);
    }
}
