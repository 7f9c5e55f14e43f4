//! Tokens that are to be refreshed: who may do it, and when.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccountId, ProviderName, StoredTokens};
use central_oauth_domain::ports::StoreError;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select, UpdateMany,
};

use crate::convert::{row_count, stored_tokens};
use crate::entities::accounts;
use crate::entities::tokens::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::store::SeaOrmStore;

pub(crate) async fn claim_due(
    store: &SeaOrmStore,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u64,
    busy: &[ProviderName],
) -> Result<Vec<StoredTokens>, StoreError> {
    let write = store.write().await?;
    let claim = claim_due_rows(now, lease_until, limit, busy);
    let rows = claim
        .exec_with_returning(&write.txn)
        .await
        .map_err(failed)?;
    let mut claimed = with_accounts(&write.txn, rows).await?;
    write.commit().await?;
    // An update gives its rows back in any order.
    claimed.sort_by_key(|tokens| (tokens.account.next_refresh_at, tokens.account.id));
    Ok(claimed)
}

/// One statement finds and leases, as with polls.
pub(crate) fn claim_due_rows(
    now: Timestamp,
    lease_until: Timestamp,
    limit: u64,
    busy: &[ProviderName],
) -> UpdateMany<Entity> {
    lease(lease_until)
        .filter(Column::Id.in_subquery(due(now, limit, busy).into_query()))
        .filter(Column::RefreshDueAt.lte(now.as_millis()))
}

fn due(now: Timestamp, limit: u64, busy: &[ProviderName]) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::RefreshDueAt.lte(now.as_millis()))
        .filter(not_at(busy))
        .order_by_asc(Column::RefreshDueAt)
        .order_by_asc(Column::Id)
        .limit(row_count(limit))
}

/// Asked row by row, in the order of the index, so that it costs nothing while no provider is busy and little while
/// one is.
fn not_at(busy: &[ProviderName]) -> Condition {
    if busy.is_empty() {
        return Condition::all();
    }
    let names = busy.iter().map(ProviderName::as_str);
    let open: SelectStatement = Query::select()
        .expr(Expr::val(1))
        .from(accounts::Entity)
        .and_where(
            Expr::col((accounts::Entity, accounts::Column::Id)).equals((Entity, Column::AccountId)),
        )
        .and_where(accounts::Column::Provider.is_not_in(names))
        .take();
    Condition::all().add(Expr::exists(open))
}

pub(crate) async fn claim(
    store: &SeaOrmStore,
    account: AccountId,
    lease_version: i64,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<StoredTokens, StoreError> {
    let write = store.write().await?;
    let claim = claim_row(account, lease_version, now, lease_until);
    let rows = claim
        .exec_with_returning(&write.txn)
        .await
        .map_err(failed)?;
    let claimed = with_accounts(&write.txn, rows).await?;
    write.commit().await?;
    claimed.into_iter().next().ok_or(StoreError::Conflict)
}

pub(crate) fn claim_row(
    account: AccountId,
    lease_version: i64,
    now: Timestamp,
    lease_until: Timestamp,
) -> UpdateMany<Entity> {
    let now = now.as_millis();
    let free = Condition::any()
        .add(Column::LeaseUntil.is_null())
        .add(Column::LeaseUntil.lte(now));
    let due = CaseStatement::new()
        .case(Expr::col(Column::NextRefreshAt).gt(now), now)
        .finally(Expr::col(Column::NextRefreshAt));
    lease(lease_until)
        .col_expr(Column::NextRefreshAt, due.into())
        .filter(Column::AccountId.eq(account.0))
        .filter(Column::LeaseVersion.eq(lease_version))
        .filter(Column::RefreshToken.is_not_null())
        .filter(free)
}

/// A lease that is still there has ended without a result: whoever held it may have presented the refresh token.
fn lease(until: Timestamp) -> UpdateMany<Entity> {
    let ambiguous = CaseStatement::new()
        .case(Expr::col(Column::LeaseUntil).is_not_null(), true)
        .finally(Expr::col(Column::Ambiguous));
    let leased = ActiveModel {
        lease_until: Set(Some(until.as_millis())),
        ..Default::default()
    };
    Entity::update_many()
        .set(leased)
        .col_expr(Column::LeaseVersion, Expr::col(Column::LeaseVersion).add(1))
        .col_expr(Column::Ambiguous, ambiguous.into())
}

pub(crate) async fn with_accounts(
    db: &impl ConnectionTrait,
    rows: Vec<Model>,
) -> Result<Vec<StoredTokens>, StoreError> {
    let ids = rows.iter().map(|row| row.account_id);
    let accounts = accounts::Entity::find()
        .filter(accounts::Column::Id.is_in(ids))
        .all(db)
        .await
        .map_err(failed)?;
    let mut accounts: std::collections::HashMap<_, _> = accounts
        .into_iter()
        .map(|account| (account.id, account))
        .collect();
    rows.into_iter()
        .filter_map(|row| Some((accounts.remove(&row.account_id)?, row)))
        .map(|(account, row)| stored_tokens(account, row))
        .collect()
}

pub(crate) async fn next_at(
    store: &SeaOrmStore,
    busy: &[ProviderName],
) -> Result<Option<Timestamp>, StoreError> {
    let next: Option<i64> = next_due(busy)
        .into_tuple()
        .one(&store.db)
        .await
        .map_err(failed)?;
    Ok(next.map(Timestamp::from_millis))
}

pub(crate) fn next_due(busy: &[ProviderName]) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::RefreshDueAt)
        .filter(Column::RefreshDueAt.is_not_null())
        .filter(not_at(busy))
        .order_by_asc(Column::RefreshDueAt)
        .limit(1)
}

pub(crate) async fn release(
    store: &SeaOrmStore,
    account: AccountId,
    lease_version: i64,
) -> Result<(), StoreError> {
    let released = ActiveModel {
        lease_until: Set(None),
        ..Default::default()
    };
    let write = store.write().await?;
    Entity::update_many()
        .set(released)
        .filter(Column::AccountId.eq(account.0))
        .filter(Column::LeaseVersion.eq(lease_version))
        .exec(&write.txn)
        .await
        .map_err(failed)?;
    write.commit().await
}
