//! Locks tokens for a change, and saves them afterwards. The change itself is a transition of the domain.

use central_oauth_domain::grant::{AccountId, AccountKey, StoredTokens};
use central_oauth_domain::ports::StoreError;
use sea_orm::sea_query::{ExprTrait, IntoCondition, LockType};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, Iterable,
    QueryFilter, QueryOrder, QueryResult, QuerySelect, SelectTwoRequired,
};

use crate::convert::{FoundTokens, rows, stored_tokens};
use crate::damage::{self, Numbered};
use crate::entities::{accounts, tokens};
use crate::error::failed;

pub(crate) async fn lock(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<StoredTokens>, StoreError> {
    let rows = locked(tokens::Column::AccountId.eq(account.0));
    damage::one(db, &rows, NUMBERED, both).await
}

/// The table and the id column of a query for tokens and their accounts.
const NUMBERED: Numbered = Numbered {
    table: "tokens",
    number: "A_id",
};

fn both(row: &QueryResult) -> Result<StoredTokens, StoreError> {
    let tokens = tokens::Model::from_query_result(row, "A_").map_err(failed)?;
    let account = accounts::Model::from_query_result(row, "B_").map_err(failed)?;
    Ok(stored_tokens(account, tokens))
}

/// Locks and returns the tokens of a person, even if they are damaged.
pub(super) async fn lock_of_person(
    db: &impl ConnectionTrait,
    person: &AccountKey,
) -> Result<Option<FoundTokens>, StoreError> {
    let provider = accounts::Column::Provider.eq(person.provider.as_str());
    let account_id = accounts::Column::AccountId.eq(person.account_id.as_str());
    first(db, locked(provider.and(account_id))).await
}

pub(crate) async fn lock_all(
    db: &impl ConnectionTrait,
    accounts: impl Iterator<Item = AccountId>,
) -> Result<Vec<StoredTokens>, StoreError> {
    let numbers = accounts.map(|account| account.0);
    let rows = locked(tokens::Column::AccountId.is_in(numbers)).order_by_asc(tokens::Column::Id);
    damage::each_of(db, &rows, NUMBERED, both).await
}

/// Returns the first account that a query finds, even if it is damaged.
pub(super) async fn first(
    db: &impl ConnectionTrait,
    rows: SelectTwoRequired<tokens::Entity, accounts::Entity>,
) -> Result<Option<FoundTokens>, StoreError> {
    let read = |row: &QueryResult| Ok(FoundTokens::read(row, "B_", "A_"));
    damage::one(db, &rows, NUMBERED, read).await
}

/// Selects and locks rows of tokens and their accounts, tokens first. If only one of the two rows were locked, the
/// other would be returned as it was before the wait for the lock. To lock several accounts, order the rows by the id
/// of the tokens, to avoid deadlocks.
pub(crate) fn locked(
    which: impl IntoCondition,
) -> SelectTwoRequired<tokens::Entity, accounts::Entity> {
    tokens::Entity::find()
        .inner_join(accounts::Entity)
        .filter(which.into_condition())
        .lock(LockType::NoKeyUpdate)
        .select_two_required(accounts::Entity)
}

/// Saves the changes of a transition to locked tokens.
pub(crate) async fn save(
    db: &impl ConnectionTrait,
    before: &StoredTokens,
    after: &StoredTokens,
) -> Result<(), StoreError> {
    let ((account, tokens), (new_account, new_tokens)) = (rows(before), rows(after));
    let changed = (changes(&account, new_account), changes(&tokens, new_tokens));
    update(db, before.account.id, changed).await
}

/// Overwrites all columns of an account and its tokens, for rows that are damaged.
pub(super) async fn overwrite(
    db: &impl ConnectionTrait,
    tokens: &StoredTokens,
) -> Result<(), StoreError> {
    let (account, row) = rows(tokens);
    update(db, tokens.account.id, (Some(account), Some(row))).await
}

async fn update(
    db: &impl ConnectionTrait,
    id: AccountId,
    (account, tokens): (Option<accounts::ActiveModel>, Option<tokens::ActiveModel>),
) -> Result<(), StoreError> {
    if let Some(tokens) = tokens {
        let saved = tokens::Entity::update_many().set(tokens);
        let saved = saved.filter(tokens::Column::AccountId.eq(id.0)).exec(db);
        saved.await.map_err(failed)?;
    }
    if let Some(account) = account {
        let saved = accounts::Entity::update_many().set(account);
        let saved = saved.filter(accounts::Column::Id.eq(id.0)).exec(db);
        saved.await.map_err(failed)?;
    }
    Ok(())
}

/// Returns the columns that differ, or `None` if all are equal.
pub(crate) fn changes<A: ActiveModelTrait>(before: &A, mut after: A) -> Option<A> {
    for column in <A::Entity as EntityTrait>::Column::iter() {
        if before.get(column) == after.get(column) {
            after.not_set(column);
        }
    }
    after.is_changed().then_some(after)
}
