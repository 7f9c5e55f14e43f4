//! Reads, links and deletes accounts and their tokens.

pub(crate) mod filtered;
pub(crate) mod labels;
pub(crate) mod locked;
pub(crate) mod relink;
pub(crate) mod shown;

use std::collections::BTreeMap;

use async_trait::async_trait;
use central_oauth_domain::Labels;
use central_oauth_domain::audit::{AuditDraft, AuditEvent};
use central_oauth_domain::grant::revocation::{NewRevocation, RevocationLease};
use central_oauth_domain::grant::{Account, AccountFilter, AccountId, StoredTokens};
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::{AccountStore, StoreError};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select};

use crate::audit;
use crate::convert::AccountRow;
use crate::damage;
use crate::entities::accounts::{self, Status};
use crate::entities::tokens;
use crate::error::failed;
use crate::links::queries::relinks_of;
use crate::locks;
use crate::outbox;
use crate::statements::finds_any;
use crate::store::SeaOrmStore;

#[async_trait]
impl AccountStore for SeaOrmStore {
    async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let this = with_times().filter(accounts::Column::Id.eq(id.0));
        Ok(readable(&self.read().await?, this).await?.pop())
    }

    async fn accounts_matching(
        &self,
        filter: &AccountFilter,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError> {
        let provider = filter.provider.as_ref();
        if provider.is_some_and(|name| name.as_str().contains('\0')) {
            // PostgreSQL text cannot contain NUL, so the query would fail.
            return Ok(Vec::new());
        }
        let matching = filtered::matching(filter, after, limit);
        readable(&self.read().await?, matching).await
    }

    async fn labels(
        &self,
        accounts: &[AccountId],
    ) -> Result<BTreeMap<AccountId, Labels>, StoreError> {
        labels::read(&self.read().await?, accounts).await
    }

    async fn tokens(&self, id: AccountId) -> Result<Option<StoredTokens>, StoreError> {
        read_tokens(&self.read().await?, id).await
    }

    async fn has_others_alive(&self, than: &Account) -> Result<bool, StoreError> {
        let others = accounts::Entity::find()
            .filter(accounts::Column::Provider.eq(than.key.provider.as_str()))
            .filter(accounts::Column::Id.ne(than.id.0))
            .filter(accounts::Column::Status.ne(Status::RelinkRequired));
        finds_any(&self.read().await?, others).await
    }

    async fn delete_account(
        &self,
        seen: &StoredTokens,
        revocation: NewRevocation,
        audit: AuditDraft,
    ) -> Result<RevocationLease, StoreError> {
        let id = seen.account.id;
        let write = self.write().await?;
        locks::persons(&write, &seen.account.key.provider).await?;
        locks::tokens_of(&write, id).await?;
        locks::account(&write, id).await?;
        locks::keys_and_links_of(&write, id).await?;
        let stored = read_tokens(&write, id).await?;
        if !stored.is_some_and(|stored| stored.are_those_of(seen)) {
            return Err(StoreError::Conflict);
        }
        let relinks = damage::each(&write, relinks_of(id), Link::try_from).await?;
        if relinks.iter().any(|relink| relink.held().is_some()) {
            return Err(StoreError::Conflict);
        }
        // Cascades to the account's tokens, its keys and their links.
        accounts::Entity::delete_by_id(id.0)
            .exec(&write)
            .await
            .map_err(failed)?;
        let lease = outbox::insert(&write, revocation).await?;
        let event = AuditEvent::account_deleted(&seen.account);
        audit::store(&write, &[audit.entry(event)]).await?;
        write.commit().await?;
        Ok(lease)
    }
}

/// Returns the accounts of a query that joins their tokens. If a row is damaged, replaces its unreadable values with
/// defaults, so that this account does not hide the others.
pub(crate) async fn readable(
    db: &impl ConnectionTrait,
    rows: Select<accounts::Entity>,
) -> Result<Vec<Account>, StoreError> {
    let read = rows.clone().into_partial_model::<AccountRow>().all(db);
    match read.await.map_err(failed) {
        Err(StoreError::Corrupt(_)) => {}
        read => return Ok(read?.into_iter().map(Account::from).collect()),
    }
    let ids = rows.select_only().column(accounts::Column::Id);
    let ids = ids.into_tuple::<i64>().all(db).await.map_err(failed)?;
    let mut found = Vec::new();
    for id in ids {
        let tokens = read_tokens(db, AccountId(id)).await?;
        found.extend(tokens.map(|tokens| tokens.account));
    }
    Ok(found)
}

/// Selects accounts joined with their tokens, for [`readable`].
pub(crate) fn with_times() -> Select<accounts::Entity> {
    accounts::Entity::find().inner_join(tokens::Entity)
}

async fn read_tokens(
    db: &impl ConnectionTrait,
    id: AccountId,
) -> Result<Option<StoredTokens>, StoreError> {
    let rows = tokens::Entity::find().filter(tokens::Column::AccountId.eq(id.0));
    let rows = rows.inner_join(accounts::Entity);
    let found = locked::first(db, rows.select_two_required(accounts::Entity));
    Ok(found.await?.map(|found| found.tokens))
}
