use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccountId, LeaseVersion, ProviderName, StoredTokens};
use central_oauth_domain::ports::StoreError;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, UpdateMany};

use super::open_providers;
use crate::accounts::locked::{lock, save};
use crate::claims::{self, Leased};
use crate::convert::stored_tokens;
use crate::damage;
use crate::database::Purpose;
use crate::entities::accounts;
use crate::entities::tokens::{Column, Entity, Model};
use crate::error::failed;
use crate::store::SeaOrmStore;

pub(super) async fn due(
    store: &SeaOrmStore,
    now: Timestamp,
    overdue_by: Duration,
    lease_until: Timestamp,
    limit: u64,
    busy: &[ProviderName],
) -> Result<Vec<StoredTokens>, StoreError> {
    // Before anything is locked, because this runs one query per provider.
    let rows = match busy {
        [] => None,
        busy => {
            let due_by = now - overdue_by;
            Some(open_providers::due_rows(&store.read().await?, due_by, limit, busy).await?)
        }
    };
    if rows.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let time = store.time.clone();
    let claimed = store.database.write(Purpose::Change, move |db| {
        Box::pin(async move {
            let (now, lease_until) = time.both(db, now, lease_until).await?;
            let due = claims::due::<Entity>(now - overdue_by, limit, &[]);
            let due = match rows {
                Some(rows) => due.filter(Column::Id.is_in(rows)),
                None => due,
            };
            let rows = claims::claim(db, due, now, lease_until, Ok).await?;
            with_accounts(db, rows).await
        })
    });
    let claimed = claimed.await?;
    store.claimed.remember(&store.database, &claimed);
    Ok(claimed)
}

pub(super) async fn one(
    store: &SeaOrmStore,
    account: AccountId,
    seen: LeaseVersion,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<StoredTokens, StoreError> {
    let time = store.time.clone();
    let claimed = store.database.write(Purpose::Change, move |db| {
        Box::pin(async move {
            let (now, lease_until) = time.both(db, now, lease_until).await?;
            let stored = lock(db, account).await?;
            let stored = stored.ok_or(StoreError::Conflict)?;
            let claimed = stored.claim(seen, now, lease_until);
            let claimed = claimed.ok_or(StoreError::Conflict)?;
            save(db, &stored, &claimed).await?;
            Ok::<_, StoreError>(claimed)
        })
    });
    let claimed = claimed.await?;
    let row = std::slice::from_ref(&claimed);
    store.claimed.remember(&store.database, row);
    Ok(claimed)
}

pub(super) async fn next_due(
    store: &SeaOrmStore,
    busy: &[ProviderName],
) -> Result<Option<Timestamp>, StoreError> {
    let session = store.read().await?;
    // This runs about once a second, so it keeps the clock synchronised even if nothing seems due.
    store.time.ask(&session).await.map_err(failed)?;
    if busy.is_empty() {
        return claims::next_due_at::<Entity>(&session, &[]).await;
    }
    open_providers::next_due(&session, busy).await
}

impl Leased for Entity {
    const PROVIDER: Column = Column::Provider;
    const DUE_AT: Column = Column::RefreshDueAt;
    const LEASE_UNTIL: Column = Column::LeaseUntil;
    const NEXT_AT: Column = Column::NextRefreshAt;
    const VERSION: Column = Column::LeaseVersion;

    /// A remaining lease has expired without a result: its holder may have used the refresh token.
    fn lease(until: Timestamp) -> UpdateMany<Self> {
        let ambiguous = CaseStatement::new()
            .case(Expr::col(Column::LeaseUntil).is_not_null(), true)
            .finally(Expr::col(Column::Ambiguous));
        Self::update_many()
            .col_expr(Self::LEASE_UNTIL, Expr::value(until.as_millis()))
            .col_expr(Self::VERSION, claims::next_version::<Self>())
            .col_expr(Column::Ambiguous, ambiguous.into())
    }
}

async fn with_accounts(
    db: &impl ConnectionTrait,
    rows: Vec<Model>,
) -> Result<Vec<StoredTokens>, StoreError> {
    let ids = rows.iter().map(|row| row.account_id);
    let accounts = accounts::Entity::find().filter(accounts::Column::Id.is_in(ids));
    let accounts = damage::readable(db, accounts).await?;
    let mut accounts: std::collections::HashMap<_, _> = accounts
        .into_iter()
        .map(|account| (account.id, account))
        .collect();
    let rows = rows
        .into_iter()
        .filter_map(|row| Some(stored_tokens(accounts.remove(&row.account_id)?, row)));
    Ok(rows.collect())
}
