//! Records results of refreshes, as the domain decides.

use central_oauth_domain::audit::{AuditDraft, AuditEvent};
use central_oauth_domain::grant::refresh::{Doubt, RefreshFailure};
use central_oauth_domain::grant::{
    AccountId, Generation, LeaseVersion, RefreshedTokens, StoredTokens,
};
use central_oauth_domain::ports::{Recorded, StoreError};
use central_oauth_domain::{Fault, Timestamp};

use crate::accounts::locked::{lock, lock_all, save, save_unchanged};
use crate::audit;
use crate::database::Purpose;
use crate::store::SeaOrmStore;

pub(super) async fn success(
    store: &SeaOrmStore,
    account: AccountId,
    generation: Generation,
    lease: LeaseVersion,
    answer: RefreshedTokens,
    audit: AuditDraft,
) -> Result<Recorded, StoreError> {
    if let Some(claimed) = store.claimed.take(account)
        && let Some((next, recorded)) = claimed.record_refresh(generation, lease, answer.clone())
        // An audit entry needs a transaction.
        && AuditEvent::of_refresh(&claimed.account, &next.account).is_none()
        && let Some(save) = save_unchanged(&claimed, &next)
        && store.database.save_at_once(&save).await
    {
        return Ok(recorded);
    }
    let record = move |stored: &StoredTokens| {
        let next = stored.record_refresh(generation, lease, answer);
        let (next, recorded) = next.ok_or(StoreError::Conflict)?;
        Ok(Change {
            next,
            audit: Some(audit),
            told: recorded,
        })
    };
    let recorded = change(store, Purpose::Save, account, record).await?;
    recorded.ok_or(StoreError::Conflict)
}

pub(super) async fn failure(
    store: &SeaOrmStore,
    account: AccountId,
    generation: Generation,
    lease: LeaseVersion,
    failure: RefreshFailure,
    audit: AuditDraft,
) -> Result<bool, StoreError> {
    let record = move |stored: &StoredTokens| {
        let (next, counts) = stored.record_failure(generation, lease, failure);
        Ok(Change {
            next,
            audit: Some(audit),
            told: counts,
        })
    };
    let counts = change(store, Purpose::Save, account, record).await?;
    Ok(counts.unwrap_or(false))
}

pub(super) async fn release(
    store: &SeaOrmStore,
    account: AccountId,
    lease: LeaseVersion,
) -> Result<(), StoreError> {
    let release = move |stored: &StoredTokens| {
        let next = stored.release(lease);
        Ok(Change {
            next,
            audit: None,
            told: (),
        })
    };
    let released = change(store, Purpose::Change, account, release);
    released.await.map(drop)
}

pub(crate) async fn expire(
    store: &SeaOrmStore,
    account: AccountId,
    now: Timestamp,
    audit: AuditDraft,
) -> Result<bool, StoreError> {
    let expire = move |stored: &StoredTokens| {
        let expired = stored.expire(now);
        Ok(Change {
            told: expired.is_some(),
            next: expired.unwrap_or_else(|| stored.clone()),
            audit: Some(audit),
        })
    };
    match change(store, Purpose::Change, account, expire).await {
        Err(StoreError::Corrupt(_)) => Ok(false),
        expired => Ok(expired?.unwrap_or(false)),
    }
}

/// A transition of an account's tokens.
struct Change<T> {
    next: StoredTokens,
    /// Records what the transition changes for the account.
    audit: Option<AuditDraft>,
    /// The result for the caller.
    told: T,
}

/// Applies a transition to the tokens of an account and saves the result. Returns the transition's result; `None`
/// without an account.
async fn change<T: Send + 'static>(
    store: &SeaOrmStore,
    purpose: Purpose,
    account: AccountId,
    transition: impl FnOnce(&StoredTokens) -> Result<Change<T>, StoreError> + Send + 'static,
) -> Result<Option<T>, StoreError> {
    store.claimed.take(account);
    let changed = store.database.write(purpose, move |db| {
        Box::pin(async move {
            let Some(stored) = lock(db, account).await? else {
                return Ok(None);
            };
            let change = transition(&stored)?;
            save(db, &stored, &change.next).await?;
            let event = AuditEvent::of_refresh(&stored.account, &change.next.account);
            if let Some((draft, event)) = change.audit.zip(event) {
                audit::keep(db, &[draft.entry(event)]).await?;
            }
            Ok(Some(change.told))
        })
    });
    changed.await
}

pub(super) async fn doubt(
    store: &SeaOrmStore,
    doubts: &[Doubt],
    fault: &Fault,
) -> Result<u64, StoreError> {
    let write = store.write().await?;
    let accounts = doubts.iter().map(|doubt| doubt.account);
    let mut doubted = 0;
    for stored in lock_all(&write.txn, accounts).await? {
        let is_of = |doubt: &&Doubt| doubt.account == stored.account.id;
        let doubt = doubts.iter().find(is_of);
        let next = doubt.and_then(|doubt| stored.doubt(doubt.next_refresh_at, fault));
        if let Some(next) = next {
            save(&write.txn, &stored, &next).await?;
            doubted += 1;
        }
    }
    write.commit().await?;
    Ok(doubted)
}
