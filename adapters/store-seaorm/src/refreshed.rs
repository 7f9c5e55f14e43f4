//! What became of refreshes. The generation of the presented refresh token decides what is stored; the lease is ended by
//! its holder alone.

use central_oauth_domain::grant::refresh::{Attempts, Doubt, RefreshFailure};
use central_oauth_domain::grant::{AccountId, AccountStatus, RefreshedTokens, StoredTokens};
use central_oauth_domain::ports::{Recorded, StoreError};
use central_oauth_domain::secret::Sealed;
use central_oauth_domain::{Fault, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
};

use crate::convert::{bytes, hint_columns, origin, status_column, time};
use crate::entities::accounts;
use crate::entities::tokens::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::locks;
use crate::refreshes::with_accounts;
use crate::store::SeaOrmStore;

pub(crate) async fn record(
    store: &SeaOrmStore,
    account: AccountId,
    generation: i64,
    lease_version: i64,
    tokens: &RefreshedTokens,
    now: Timestamp,
) -> Result<Recorded, StoreError> {
    let write = store.save().await?;
    let db = &write.txn;
    locks::tokens_of(db, account).await?;
    let row = accounts::Entity::find_by_id(account.0)
        .find_also_related(Entity)
        .one(db)
        .await
        .map_err(failed)?;
    let is_of = |row: &Model| origin(row).may_be_sent_to(&tokens.origin);
    let Some((owner, Some(row))) = row.filter(|(_, row)| row.as_ref().is_some_and(is_of)) else {
        return Err(StoreError::Conflict);
    };
    let recorded = if is_stored(&row, tokens) {
        Recorded::Stored
    } else if row.generation == generation || owner.status == accounts::Status::RelinkRequired {
        replace(db, &row, tokens, None, now).await?;
        Recorded::Stored
    } else if is_later_answer(&row, tokens, generation) {
        let earlier = row.refresh_token.clone();
        replace(db, &row, tokens, earlier, now).await?;
        Recorded::Stored
    } else {
        keep_spare(db, &row, tokens).await?;
        Recorded::Superseded
    };
    end_lease(db, account, lease_version).await?;
    write.commit().await?;
    Ok(recorded)
}

fn is_stored(row: &Model, tokens: &RefreshedTokens) -> bool {
    let sealed = |bytes: &Vec<u8>| Sealed::from_bytes(bytes.clone());
    let refresh_token = row.refresh_token.as_ref().map(sealed);
    tokens.are_stored(&sealed(&row.access_token), refresh_token.as_ref())
}

fn is_later_answer(row: &Model, tokens: &RefreshedTokens, presented: i64) -> bool {
    let obtained_at = Timestamp::from_millis(row.obtained_at);
    let refreshed_at = time(row.last_refreshed_at);
    tokens.are_of_a_later_answer(presented, row.generation, obtained_at, refreshed_at)
}

async fn replace(
    db: &impl ConnectionTrait,
    row: &Model,
    tokens: &RefreshedTokens,
    spare: Option<Vec<u8>>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let refresh_token = tokens.refresh_token.as_ref();
    let rotated = ActiveModel {
        id: Set(row.id),
        generation: Set(row.generation + 1),
        refresh_token: refresh_token.map_or(NotSet, |token| Set(Some(bytes(token)))),
        spare_refresh_token: Set(spare),
        next_refresh_at: Set(tokens.next_refresh_at.map(Timestamp::as_millis)),
        ..Default::default()
    };
    let (replaced, account) = match &tokens.access_token {
        Ok(access_token) => (
            access_columns(row, tokens, access_token, now, rotated),
            well_columns(tokens),
        ),
        Err(failure) => (
            attempts_columns(failure.attempts, rotated),
            ill_columns(failure),
        ),
    };
    replaced.update(db).await.map_err(failed)?;
    let account = accounts::ActiveModel {
        id: Set(row.account_id),
        ..account
    };
    account.update(db).await.map_err(failed)?;
    Ok(())
}

/// The access token of an answer with all that belongs to it.
fn access_columns(
    row: &Model,
    tokens: &RefreshedTokens,
    access_token: &Sealed,
    now: Timestamp,
    rotated: ActiveModel,
) -> ActiveModel {
    let expires_at = tokens.access_token_expires_at;
    let dies_at = tokens.refresh_token_expires_at;
    let obtained_at = Timestamp::from_millis(row.obtained_at);
    let renews = tokens.renews(time(row.refresh_token_expires_at), obtained_at);
    let columns = ActiveModel {
        access_token: Set(bytes(access_token)),
        extra: Set(tokens.extra.as_ref().map(bytes)),
        issuer: Set(tokens.origin.issuer.clone()),
        token_endpoint: Set(tokens.origin.token_endpoint.clone()),
        access_token_expires_at: Set(expires_at.map(Timestamp::as_millis)),
        refresh_token_expires_at: dies_at.map_or(NotSet, |at| Set(Some(at.as_millis()))),
        renewed_by_use: renews.map_or(NotSet, |renews| Set(Some(renews))),
        obtained_at: Set(tokens.requested_at.as_millis()),
        last_refreshed_at: Set(Some(now.as_millis())),
        ..rotated
    };
    attempts_columns(Attempts::default(), hint_columns(tokens.hints, columns))
}

fn well_columns(tokens: &RefreshedTokens) -> accounts::ActiveModel {
    accounts::ActiveModel {
        status: Set(status_column(AccountStatus::Active)),
        scopes: Set(tokens.scopes.join(" ")),
        last_error_code: Set(None),
        last_error_detail: Set(None),
        ..Default::default()
    }
}

fn ill_columns(failure: &RefreshFailure) -> accounts::ActiveModel {
    accounts::ActiveModel {
        status: Set(status_column(failure.status)),
        last_error_code: Set(Some(failure.fault.code.clone())),
        last_error_detail: Set(Some(failure.fault.detail.clone())),
        ..Default::default()
    }
}

async fn keep_spare(
    db: &impl ConnectionTrait,
    row: &Model,
    tokens: &RefreshedTokens,
) -> Result<(), StoreError> {
    let Some(refresh_token) = &tokens.refresh_token else {
        return Ok(());
    };
    let spare = ActiveModel {
        id: Set(row.id),
        spare_refresh_token: Set(Some(bytes(refresh_token))),
        ..Default::default()
    };
    spare.update(db).await.map_err(failed)?;
    Ok(())
}

pub(crate) async fn record_failure(
    store: &SeaOrmStore,
    account: AccountId,
    generation: i64,
    lease_version: i64,
    failure: RefreshFailure,
) -> Result<bool, StoreError> {
    let write = store.save().await?;
    let row = claimed(&write.txn, account, generation, lease_version).await?;
    let Some(row) = row else {
        end_lease(&write.txn, account, lease_version).await?;
        write.commit().await?;
        return Ok(false);
    };
    let failed_once_more = ActiveModel {
        id: Set(row.id),
        next_refresh_at: Set(failure.next_refresh_at.map(Timestamp::as_millis)),
        lease_until: Set(None),
        ..Default::default()
    };
    let failed_once_more = attempts_columns(failure.attempts, failed_once_more);
    failed_once_more.update(&write.txn).await.map_err(failed)?;
    let ill = accounts::ActiveModel {
        id: Set(account.0),
        ..ill_columns(&failure)
    };
    ill.update(&write.txn).await.map_err(failed)?;
    write.commit().await?;
    Ok(true)
}

pub(crate) async fn promote_spare(
    store: &SeaOrmStore,
    account: AccountId,
    generation: i64,
    lease_version: i64,
) -> Result<Option<StoredTokens>, StoreError> {
    let write = store.save().await?;
    let db = &write.txn;
    let Some(row) = claimed(db, account, generation, lease_version).await? else {
        return Ok(None);
    };
    let Some(spare) = row.spare_refresh_token else {
        return Ok(None);
    };
    let promoted = ActiveModel {
        id: Set(row.id),
        generation: Set(generation + 1),
        refresh_token: Set(Some(spare)),
        spare_refresh_token: Set(None),
        ..Default::default()
    };
    let row = promoted.update(db).await.map_err(failed)?;
    let promoted = with_accounts(db, vec![row]).await?;
    write.commit().await?;
    Ok(promoted.into_iter().next())
}

pub(crate) async fn doubt(
    store: &SeaOrmStore,
    doubts: &[Doubt],
    fault: &Fault,
) -> Result<u64, StoreError> {
    let write = store.write().await?;
    let mut doubted = 0;
    for doubt in doubts {
        doubted += u64::from(doubt_one(&write.txn, doubt, fault).await?);
    }
    write.commit().await?;
    Ok(doubted)
}

async fn doubt_one(
    db: &impl ConnectionTrait,
    doubt: &Doubt,
    fault: &Fault,
) -> Result<bool, StoreError> {
    let doubted = ActiveModel {
        ambiguous: Set(true),
        next_refresh_at: Set(Some(doubt.next_refresh_at.as_millis())),
        ..Default::default()
    };
    let doubted = Entity::update_many()
        .set(doubted)
        .filter(Column::AccountId.eq(doubt.account.0))
        .filter(Column::NextRefreshAt.is_not_null());
    let doubted = doubted.exec(db).await.map_err(failed)?;
    if doubted.rows_affected == 0 {
        return Ok(false);
    }
    let ill = accounts::ActiveModel {
        id: Set(doubt.account.0),
        status: Set(status_column(AccountStatus::Degraded)),
        last_error_code: Set(Some(fault.code.clone())),
        last_error_detail: Set(Some(fault.detail.clone())),
        ..Default::default()
    };
    ill.update(db).await.map_err(failed)?;
    Ok(true)
}

/// Ends a lease, unless it is somebody else's by now.
pub(crate) async fn end_lease(
    db: &impl ConnectionTrait,
    account: AccountId,
    lease_version: i64,
) -> Result<(), StoreError> {
    let ended = ActiveModel {
        lease_until: Set(None),
        ..Default::default()
    };
    let ended = Entity::update_many()
        .set(ended)
        .filter(Column::AccountId.eq(account.0))
        .filter(Column::LeaseVersion.eq(lease_version))
        .exec(db);
    ended.await.map(drop).map_err(failed)
}

/// The row as it was claimed, if it still is.
async fn claimed(
    db: &impl ConnectionTrait,
    account: AccountId,
    generation: i64,
    lease_version: i64,
) -> Result<Option<Model>, StoreError> {
    Entity::find()
        .filter(Column::AccountId.eq(account.0))
        .filter(Column::Generation.eq(generation))
        .filter(Column::LeaseVersion.eq(lease_version))
        .lock_exclusive()
        .one(db)
        .await
        .map_err(failed)
}

fn attempts_columns(attempts: Attempts, row: ActiveModel) -> ActiveModel {
    ActiveModel {
        failures: Set(i64::from(attempts.failures)),
        ambiguous: Set(attempts.ambiguous),
        refused_since: Set(attempts.refused_since.map(Timestamp::as_millis)),
        ..row
    }
}
