//! What became of refreshes. The domain decides what that changes.

use central_oauth_domain::grant::refresh::{Doubt, RefreshFailure};
use central_oauth_domain::grant::{
    AccountId, Generation, LeaseVersion, RefreshedTokens, StoredTokens,
};
use central_oauth_domain::ports::{Recorded, StoreError};
use central_oauth_domain::{Fault, Timestamp};

use crate::accounts::locked::{lock, lock_all, save};
use crate::store::SeaOrmStore;

pub(super) async fn success(
    store: &SeaOrmStore,
    account: AccountId,
    generation: Generation,
    lease: LeaseVersion,
    answer: RefreshedTokens,
    now: Timestamp,
) -> Result<Recorded, StoreError> {
    let write = store.save().await?;
    let stored = lock(&write.txn, account).await?;
    let stored = stored.ok_or(StoreError::Conflict)?;
    let next = stored.record_refresh(generation, lease, answer, now);
    let (next, recorded) = next.ok_or(StoreError::Conflict)?;
    save(&write.txn, &stored, &next).await?;
    write.commit().await?;
    Ok(recorded)
}

pub(super) async fn failure(
    store: &SeaOrmStore,
    account: AccountId,
    generation: Generation,
    lease: LeaseVersion,
    failure: RefreshFailure,
) -> Result<bool, StoreError> {
    let write = store.save().await?;
    let Some(stored) = lock(&write.txn, account).await? else {
        return Ok(false);
    };
    let (next, counts) = stored.record_failure(generation, lease, failure);
    save(&write.txn, &stored, &next).await?;
    write.commit().await?;
    Ok(counts)
}

pub(super) async fn release(
    store: &SeaOrmStore,
    account: AccountId,
    lease: LeaseVersion,
) -> Result<(), StoreError> {
    let write = store.write().await?;
    if let Some(stored) = lock(&write.txn, account).await? {
        save(&write.txn, &stored, &stored.release(lease)).await?;
    }
    write.commit().await
}

pub(super) async fn promote_spare(
    store: &SeaOrmStore,
    account: AccountId,
    generation: Generation,
    lease: LeaseVersion,
) -> Result<Option<StoredTokens>, StoreError> {
    let write = store.save().await?;
    let Some(stored) = lock(&write.txn, account).await? else {
        return Ok(None);
    };
    let Some(promoted) = stored.promote_spare(generation, lease) else {
        return Ok(None);
    };
    save(&write.txn, &stored, &promoted).await?;
    write.commit().await?;
    Ok(Some(promoted))
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
