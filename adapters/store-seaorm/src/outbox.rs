//! Adds revocations to the outbox and cancels them, as part of other changes.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::revocation::{NewRevocation, RevocationLease, RevocationStatus};
use central_oauth_domain::grant::{AccountKey, ProviderName};
use central_oauth_domain::ports::StoreError;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select,
    UpdateMany,
};

use crate::convert::{ended_revocation, new_revocation};
use crate::entities::accounts;
use crate::entities::revocations::{Column, Entity};
use crate::error::failed;
use crate::statements::finds_any;

pub(crate) async fn store_stray(
    db: &impl ConnectionTrait,
    stray: NewRevocation,
) -> Result<bool, StoreError> {
    if let Some(person) = &stray.person
        && is_alive(db, &stray.provider, Some(person)).await?
    {
        return Ok(false);
    }
    insert(db, stray).await.map(|_| true)
}

pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    revocation: NewRevocation,
) -> Result<RevocationLease, StoreError> {
    let row = new_revocation(revocation).insert(db).await;
    row.map_err(failed)?.try_into()
}

/// Whether the person has an account. With `None`: whether there is an account of a person whom the provider does not
/// identify.
pub(crate) async fn is_alive(
    db: &impl ConnectionTrait,
    provider: &ProviderName,
    person: Option<&str>,
) -> Result<bool, StoreError> {
    finds_any(db, live_accounts(provider, person)).await
}

pub(crate) fn live_accounts(
    provider: &ProviderName,
    person: Option<&str>,
) -> Select<accounts::Entity> {
    let accounts = accounts::Entity::find()
        .select_only()
        .column(accounts::Column::Id)
        .filter(accounts::Column::Provider.eq(provider.as_str()))
        .limit(1);
    match person {
        Some(person) => accounts.filter(accounts::Column::AccountId.eq(person)),
        // Written like the condition of `ix_accounts_provider`, so that the planner can use this index.
        None => accounts.filter(Expr::col(accounts::Column::Identified).not()),
    }
}

/// Cancels the pending revocations of a person.
pub(crate) async fn cancel(
    db: &impl ConnectionTrait,
    person: &AccountKey,
    now: Timestamp,
) -> Result<(), StoreError> {
    let cancelled = pending_of(person, now).exec(db).await;
    cancelled.map(drop).map_err(failed)
}

pub(crate) fn pending_of(person: &AccountKey, now: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many()
        .set(ended_revocation(RevocationStatus::Cancelled, now))
        .filter(Column::Provider.eq(person.provider.as_str()))
        .filter(Column::Person.eq(person.account_id.as_str()))
        .filter(Column::EndedAt.is_null())
}
