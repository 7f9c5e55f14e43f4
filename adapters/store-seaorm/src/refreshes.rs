//! Tokens that are to be refreshed: who may do it, and when.

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::refresh::RefreshFailure;
use central_oauth_domain::grant::{AccountId, ProviderName, RefreshedTokens, StoredTokens};
use central_oauth_domain::ports::{Recorded, RefreshStore, StoreError};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select, UpdateMany,
};

use crate::convert::{row_count, stored_tokens};
use crate::entities::accounts;
use crate::entities::tokens::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::open_providers;
use crate::refreshed;
use crate::store::SeaOrmStore;

#[async_trait]
impl RefreshStore for SeaOrmStore {
    async fn claim_due_refreshes(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<StoredTokens>, StoreError> {
        let claim = if busy.is_empty() {
            claim_due_rows(now, lease_until, limit)
        } else {
            let rows = open_providers::due_rows(&self.db, now, limit, busy).await?;
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            claim_rows(now, lease_until, rows)
        };
        let mut claimed = self.leased(claim).await?;
        // An update gives its rows back in any order.
        claimed.sort_by_key(|tokens| (tokens.account.next_refresh_at, tokens.account.id));
        Ok(claimed)
    }

    async fn claim_refresh(
        &self,
        account: AccountId,
        lease_version: i64,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<StoredTokens, StoreError> {
        let claimed = self
            .leased(claim_row(account, lease_version, now, lease_until))
            .await?;
        claimed.into_iter().next().ok_or(StoreError::Conflict)
    }

    async fn next_refresh_at(
        &self,
        busy: &[ProviderName],
    ) -> Result<Option<Timestamp>, StoreError> {
        let next = if busy.is_empty() {
            let next = next_due().into_tuple::<i64>().one(&self.db).await;
            next.map_err(failed)?
        } else {
            open_providers::next_due(&self.db, busy).await?
        };
        Ok(next.map(Timestamp::from_millis))
    }

    async fn release_refresh(
        &self,
        account: AccountId,
        lease_version: i64,
    ) -> Result<(), StoreError> {
        let released = ActiveModel {
            lease_until: Set(None),
            ..Default::default()
        };
        let write = self.write().await?;
        Entity::update_many()
            .set(released)
            .filter(Column::AccountId.eq(account.0))
            .filter(Column::LeaseVersion.eq(lease_version))
            .exec(&write.txn)
            .await
            .map_err(failed)?;
        write.commit().await
    }

    async fn record_refresh(
        &self,
        account: AccountId,
        generation: i64,
        tokens: RefreshedTokens,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        refreshed::record(self, account, generation, &tokens, now).await
    }

    async fn record_refresh_failure(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
        failure: RefreshFailure,
    ) -> Result<bool, StoreError> {
        refreshed::record_failure(self, account, generation, lease_version, failure).await
    }

    async fn promote_spare(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
    ) -> Result<Option<StoredTokens>, StoreError> {
        refreshed::promote_spare(self, account, generation, lease_version).await
    }
}

impl SeaOrmStore {
    /// Claims, in a transaction of its own, and reads what was claimed.
    async fn leased(&self, claim: UpdateMany<Entity>) -> Result<Vec<StoredTokens>, StoreError> {
        let write = self.write().await?;
        let rows = claim.exec_with_returning(&write.txn).await;
        let claimed = with_accounts(&write.txn, rows.map_err(failed)?).await?;
        write.commit().await?;
        Ok(claimed)
    }
}

/// One statement finds and leases, as with polls.
pub(crate) fn claim_due_rows(
    now: Timestamp,
    lease_until: Timestamp,
    limit: u64,
) -> UpdateMany<Entity> {
    lease(lease_until)
        .filter(Column::Id.in_subquery(due(now, limit).into_query()))
        .filter(Column::RefreshDueAt.lte(now.as_millis()))
}

/// Leases those of the rows that are due still: another process may have been faster.
pub(crate) fn claim_rows(
    now: Timestamp,
    lease_until: Timestamp,
    rows: Vec<i64>,
) -> UpdateMany<Entity> {
    lease(lease_until)
        .filter(Column::Id.is_in(rows))
        .filter(Column::RefreshDueAt.lte(now.as_millis()))
}

fn due(now: Timestamp, limit: u64) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::RefreshDueAt.lte(now.as_millis()))
        .order_by_asc(Column::RefreshDueAt)
        .order_by_asc(Column::Id)
        .limit(row_count(limit))
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

pub(crate) fn next_due() -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::RefreshDueAt)
        .filter(Column::RefreshDueAt.is_not_null())
        .order_by_asc(Column::RefreshDueAt)
        .limit(1)
}
