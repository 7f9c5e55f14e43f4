//! Tokens that are to be refreshed: who may do it, and when.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::grant::refresh::{Doubt, REFRESH_HORIZON, RefreshFailure};
use central_oauth_domain::grant::{AccountId, ProviderName, RefreshedTokens, StoredTokens};
use central_oauth_domain::ports::{Recorded, RefreshStore, StoreError};
use central_oauth_domain::{Fault, Timestamp};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, UpdateMany};

use crate::claims::{self, Leased};
use crate::convert::stored_tokens;
use crate::entities::accounts;
use crate::entities::tokens::{Column, Entity, Model};
use crate::error::failed;
use crate::open_providers;
use crate::refreshed;
use crate::store::SeaOrmStore;

#[async_trait]
impl RefreshStore for SeaOrmStore {
    async fn claim_due_refreshes(
        &self,
        now: Timestamp,
        overdue_by: Duration,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<StoredTokens>, StoreError> {
        // Before anything is locked, as this asks for a provider at a time.
        let rows = match busy {
            [] => None,
            busy => {
                let due_by = now - overdue_by;
                Some(open_providers::due_rows(&self.read().await?, due_by, limit, busy).await?)
            }
        };
        if rows.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let write = self.write().await?;
        let (now, lease_until) = self.by_the_server(&write.txn, now, lease_until).await?;
        let due = claims::due::<Entity>(now - overdue_by, limit, &[]);
        let due = match rows {
            Some(rows) => due.filter(Column::Id.is_in(rows)),
            None => due,
        };
        let rows = claims::claim(&write.txn, due, now, lease_until).await?;
        let mut claimed = with_accounts(&write.txn, rows).await?;
        write.commit().await?;
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
        let write = self.write().await?;
        let (now, lease_until) = self.by_the_server(&write.txn, now, lease_until).await?;
        let claim = claim_row(account, lease_version, now, lease_until);
        let rows = claim.exec_with_returning(&write.txn).await;
        let claimed = with_accounts(&write.txn, rows.map_err(failed)?).await?;
        write.commit().await?;
        claimed.into_iter().next().ok_or(StoreError::Conflict)
    }

    async fn next_refresh_at(
        &self,
        busy: &[ProviderName],
    ) -> Result<Option<Timestamp>, StoreError> {
        let session = self.read().await?;
        // Asked every second or so, this keeps the clock right also while nothing is due by it.
        self.ask_the_time(&session).await.map_err(failed)?;
        let next = if busy.is_empty() {
            let next = claims::next_due::<Entity>(&[]).into_tuple::<i64>();
            next.one(&session).await.map_err(failed)?
        } else {
            open_providers::next_due(&session, busy).await?
        };
        Ok(next.map(Timestamp::from_millis))
    }

    async fn release_refresh(
        &self,
        account: AccountId,
        lease_version: i64,
    ) -> Result<(), StoreError> {
        let write = self.write().await?;
        refreshed::end_lease(&write.txn, account, lease_version).await?;
        write.commit().await
    }

    async fn record_refresh(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
        tokens: RefreshedTokens,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        refreshed::record(self, account, generation, lease_version, &tokens, now).await
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

    async fn doubt(&self, doubts: &[Doubt], fault: &Fault) -> Result<u64, StoreError> {
        refreshed::doubt(self, doubts, fault).await
    }
}

pub(crate) fn claim_row(
    account: AccountId,
    lease_version: i64,
    now: Timestamp,
    lease_until: Timestamp,
) -> UpdateMany<Entity> {
    lease_free(account, now, lease_until).filter(Column::LeaseVersion.eq(lease_version))
}

/// Leases the tokens of an account if nobody holds a lease of them. Their refresh is due from now on.
pub(crate) fn lease_free(
    account: AccountId,
    now: Timestamp,
    lease_until: Timestamp,
) -> UpdateMany<Entity> {
    // One that ends further ahead than any lease lasts was dated by a clock that has been set back.
    let longest_lease = (now + REFRESH_HORIZON.lease).as_millis();
    let now = now.as_millis();
    let free = Condition::any()
        .add(Column::LeaseUntil.is_null())
        .add(Column::LeaseUntil.lte(now))
        .add(Column::LeaseUntil.gt(longest_lease));
    let due = CaseStatement::new()
        .case(
            Expr::col(Column::NextRefreshAt).lte(now),
            Expr::col(Column::NextRefreshAt),
        )
        .finally(now);
    Entity::lease(lease_until)
        .col_expr(Column::NextRefreshAt, due.into())
        .filter(Column::AccountId.eq(account.0))
        .filter(Column::RefreshToken.is_not_null())
        .filter(free)
}

impl Leased for Entity {
    const ID: Column = Column::Id;
    const PROVIDER: Column = Column::Provider;
    const DUE_AT: Column = Column::RefreshDueAt;
    const LEASE_UNTIL: Column = Column::LeaseUntil;
    const NEXT_AT: Column = Column::NextRefreshAt;
    const VERSION: Column = Column::LeaseVersion;

    /// A lease that is still there has ended without a result: whoever held it may have presented the refresh token.
    fn lease(until: Timestamp) -> UpdateMany<Self> {
        let ambiguous = CaseStatement::new()
            .case(Expr::col(Column::LeaseUntil).is_not_null(), true)
            .finally(Expr::col(Column::Ambiguous));
        Self::update_many()
            .col_expr(Self::LEASE_UNTIL, Expr::value(until.as_millis()))
            .col_expr(Self::VERSION, Expr::col(Self::VERSION).add(1))
            .col_expr(Column::Ambiguous, ambiguous.into())
    }
}

pub(crate) async fn with_accounts(
    db: &impl ConnectionTrait,
    rows: Vec<Model>,
) -> Result<Vec<StoredTokens>, StoreError> {
    let ids = rows.iter().map(|row| row.account_id).collect();
    let accounts = claims::readable::<accounts::Entity>(db, accounts::Column::Id, ids).await?;
    let mut accounts: std::collections::HashMap<_, _> = accounts
        .into_iter()
        .map(|account| (account.id, account))
        .collect();
    let rows = rows
        .into_iter()
        .filter_map(|row| Some((accounts.remove(&row.account_id)?, row)));
    Ok(rows
        .filter_map(|(account, row)| readable(account, row))
        .collect())
}

/// A row that cannot be understood keeps nobody from the others.
fn readable(account: accounts::Model, row: Model) -> Option<StoredTokens> {
    let id = account.id;
    let tokens = stored_tokens(account, row);
    tokens
        .inspect_err(|error| {
            let error = error as &dyn Error;
            tracing::error!(account = id, error, "tokens cannot be read");
        })
        .ok()
}
