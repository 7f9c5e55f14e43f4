//! Tokens that are to change: locked, and saved afterwards. The change itself is a transition of the domain.

use central_oauth_domain::grant::{AccountId, AccountKey, StoredTokens};
use central_oauth_domain::ports::StoreError;
use sea_orm::sea_query::{ExprTrait, IntoCondition, LockType};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, Iterable, QueryFilter, QueryOrder,
    QuerySelect, SelectTwoRequired,
};

use crate::convert::{rows, stored_tokens};
use crate::entities::{accounts, tokens};
use crate::error::failed;

/// Locks the tokens of an account.
pub(crate) async fn lock(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<StoredTokens>, StoreError> {
    one(db, tokens::Column::AccountId.eq(account.0)).await
}

/// Locks the tokens of a person.
pub(super) async fn lock_of_person(
    db: &impl ConnectionTrait,
    person: &AccountKey,
) -> Result<Option<StoredTokens>, StoreError> {
    let provider = accounts::Column::Provider.eq(person.provider.as_str());
    let account_id = accounts::Column::AccountId.eq(person.account_id.as_str());
    one(db, provider.and(account_id)).await
}

/// Locks the tokens of several accounts.
pub(crate) async fn lock_all(
    db: &impl ConnectionTrait,
    accounts: impl Iterator<Item = AccountId>,
) -> Result<Vec<StoredTokens>, StoreError> {
    let numbers = accounts.map(|account| account.0);
    let rows = locked(tokens::Column::AccountId.is_in(numbers)).order_by_asc(tokens::Column::Id);
    let rows = rows.all(db).await.map_err(failed)?.into_iter();
    rows.map(|(tokens, account)| stored_tokens(account, tokens))
        .collect()
}

async fn one(
    db: &impl ConnectionTrait,
    which: impl IntoCondition,
) -> Result<Option<StoredTokens>, StoreError> {
    let row = locked(which).one(db).await.map_err(failed)?;
    row.map(|(tokens, account)| stored_tokens(account, tokens))
        .transpose()
}

/// Whoever changes tokens locks them before their account, and several in the order of their numbers. Both rows are locked
/// at once: a row that is only read would be the one from before the wait for the lock.
pub(crate) fn locked(
    which: impl IntoCondition,
) -> SelectTwoRequired<tokens::Entity, accounts::Entity> {
    tokens::Entity::find()
        .inner_join(accounts::Entity)
        .filter(which.into_condition())
        .lock(LockType::NoKeyUpdate)
        .select_two_required(accounts::Entity)
}

/// Saves what a transition has changed of locked tokens.
pub(crate) async fn save(
    db: &impl ConnectionTrait,
    before: &StoredTokens,
    after: &StoredTokens,
) -> Result<(), StoreError> {
    let id = before.account.id.0;
    let ((account, tokens), (new_account, new_tokens)) = (rows(before), rows(after));
    if let Some(changed) = changes(&tokens, new_tokens) {
        let saved = tokens::Entity::update_many().set(changed);
        let saved = saved.filter(tokens::Column::AccountId.eq(id)).exec(db);
        saved.await.map_err(failed)?;
    }
    if let Some(changed) = changes(&account, new_account) {
        let saved = accounts::Entity::update_many().set(changed);
        let saved = saved.filter(accounts::Column::Id.eq(id)).exec(db);
        saved.await.map_err(failed)?;
    }
    Ok(())
}

/// The columns that differ.
fn changes<A: ActiveModelTrait>(before: &A, mut after: A) -> Option<A> {
    for column in <A::Entity as EntityTrait>::Column::iter() {
        if before.get(column) == after.get(column) {
            after.not_set(column);
        }
    }
    after.is_changed().then_some(after)
}
