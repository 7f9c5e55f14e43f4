use std::collections::HashMap;

use central_oauth_domain::grant::StoredTokens;
use central_oauth_domain::ports::StoreError;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, UpdateMany};

use crate::claims::Leased;
use crate::convert::stored_tokens;
use crate::damage;
use crate::entities::accounts;
use crate::entities::tokens::{Column, Entity, Model};
use crate::statements::padded;

impl Leased for Entity {
    const PROVIDER: Column = Column::Provider;
    const DUE_AT: Column = Column::RefreshDueAt;
    const LEASE_UNTIL: Column = Column::LeaseUntil;
    const NEXT_AT: Column = Column::NextRefreshAt;
    const VERSION: Column = Column::LeaseVersion;

    /// Sets `ambiguous`, because the holder of the expired lease may have used the refresh token.
    fn note_expired_lease(claim: UpdateMany<Self>) -> UpdateMany<Self> {
        let ambiguous = CaseStatement::new()
            .case(Expr::col(Column::LeaseUntil).is_not_null(), true)
            .finally(Expr::col(Column::Ambiguous));
        claim.col_expr(Column::Ambiguous, ambiguous.into())
    }
}

/// Joins rows of tokens with their accounts. Leaves out tokens whose account cannot be read.
pub(super) async fn with_accounts(
    db: &impl ConnectionTrait,
    rows: Vec<Model>,
) -> Result<Vec<StoredTokens>, StoreError> {
    let ids = padded(rows.iter().map(|row| row.account_id).collect());
    let accounts = accounts::Entity::find().filter(accounts::Column::Id.is_in(ids));
    let accounts = damage::readable(db, accounts).await?;
    let mut accounts: HashMap<_, _> = accounts
        .into_iter()
        .map(|account| (account.id, account))
        .collect();
    let rows = rows
        .into_iter()
        .filter_map(|row| Some(stored_tokens(accounts.remove(&row.account_id)?, row)));
    Ok(rows.collect())
}
