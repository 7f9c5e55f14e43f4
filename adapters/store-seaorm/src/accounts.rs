//! Accounts and their tokens, read.

use central_oauth_domain::grant::{Account, AccountId, StoredTokens};
use central_oauth_domain::ports::StoreError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::convert::{AccountRow, row_count, stored_tokens};
use crate::entities::{accounts, tokens};
use crate::error::failed;
use crate::store::SeaOrmStore;

pub(crate) async fn find(
    db: &impl ConnectionTrait,
    id: AccountId,
) -> Result<Option<Account>, StoreError> {
    let row = with_times()
        .filter(accounts::Column::Id.eq(id.0))
        .into_partial_model::<AccountRow>()
        .one(db)
        .await
        .map_err(failed)?;
    row.map(Account::try_from).transpose()
}

pub(crate) async fn list(
    store: &SeaOrmStore,
    after: Option<AccountId>,
    limit: u64,
) -> Result<Vec<Account>, StoreError> {
    let rows = with_times()
        .filter(accounts::Column::Id.gt(after.map_or(0, |after| after.0)))
        .order_by_asc(accounts::Column::Id)
        .limit(row_count(limit))
        .into_partial_model::<AccountRow>()
        .all(&store.db)
        .await
        .map_err(failed)?;
    rows.into_iter().map(Account::try_from).collect()
}

fn with_times() -> Select<accounts::Entity> {
    accounts::Entity::find().inner_join(tokens::Entity)
}

pub(crate) async fn tokens(
    store: &SeaOrmStore,
    id: AccountId,
) -> Result<Option<StoredTokens>, StoreError> {
    let row = accounts::Entity::find_by_id(id.0)
        .find_also_related(tokens::Entity)
        .one(&store.db)
        .await
        .map_err(failed)?;
    let Some((account, Some(tokens))) = row else {
        return Ok(None);
    };
    stored_tokens(account, tokens).map(Some)
}
