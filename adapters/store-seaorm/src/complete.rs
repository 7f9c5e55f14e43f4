//! The moment at which a link becomes an account.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccessEnd, Account, AccountId, AccountKey, NewGrant};
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::StoreError;
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
};

use crate::convert::{account_columns, bytes, hints, origin, status, time, token_columns};
use crate::entities::{accounts, tokens};
use crate::error::{Unreadable, failed};
use crate::store::SeaOrmStore;
use crate::{accounts as read, keys, links, locks, outbox};

/// An account that was linked before, with its tokens.
type Known = (accounts::Model, tokens::Model);

pub(crate) async fn link(
    store: &SeaOrmStore,
    link: &Link,
    grant: NewGrant,
    now: Timestamp,
) -> Result<Account, StoreError> {
    let write = store.save().await?;
    let db = &write.txn;
    locks::persons(db, &grant.account.provider).await?;
    let account = match known(db, &grant.account).await? {
        Some(known) => revive(db, known, &grant, now).await?,
        None => create(db, &grant, now).await?,
    };
    keys::bind(db, link.key, account).await?;
    outbox::cancel(db, &grant.account, now).await?;
    links::save(db, link, &link.complete(account, now)?).await?;
    let account = read::find(db, account).await?;
    write.commit().await?;
    account.ok_or(StoreError::Conflict)
}

async fn known(db: &impl ConnectionTrait, key: &AccountKey) -> Result<Option<Known>, StoreError> {
    let account = accounts::Entity::find()
        .filter(accounts::Column::Provider.eq(key.provider.as_str()))
        .filter(accounts::Column::AccountId.eq(key.account_id.as_str()));
    let Some(account) = account.one(db).await.map_err(failed)? else {
        return Ok(None);
    };
    let tokens = tokens::Entity::find()
        .filter(tokens::Column::AccountId.eq(account.id))
        .lock_exclusive();
    let tokens = tokens.one(db).await.map_err(failed)?;
    // Only now does the account stay as it is: a refresh may have healed it, or given it up, a moment ago.
    let account = accounts::Entity::find_by_id(account.id);
    let Some(account) = account.one(db).await.map_err(failed)? else {
        return Ok(None);
    };
    let without_tokens = Unreadable {
        table: "accounts",
        id: account.id,
        column: "tokens",
    };
    Ok(Some((account, tokens.ok_or(without_tokens)?)))
}

async fn create(
    db: &impl ConnectionTrait,
    grant: &NewGrant,
    now: Timestamp,
) -> Result<AccountId, StoreError> {
    let account = accounts::ActiveModel {
        created_at: Set(now.as_millis()),
        ..account_columns(grant, now)
    };
    let account = account.insert(db).await.map_err(failed)?;
    let tokens = tokens::ActiveModel {
        account_id: Set(account.id),
        generation: Set(1),
        refresh_token: Set(refresh_token(grant)),
        refresh_token_expires_at: Set(dies_at(grant)),
        grant_expires_at: Set(ends_at(grant)),
        lease_version: Set(0),
        ambiguous: Set(false),
        ..token_columns(grant, grant.refresh_token.is_some(), now)
    };
    tokens.insert(db).await.map_err(failed)?;
    Ok(AccountId(account.id))
}

async fn revive(
    db: &impl ConnectionTrait,
    (account, tokens): Known,
    grant: &NewGrant,
    now: Timestamp,
) -> Result<AccountId, StoreError> {
    let keeps_old = grant.keeps_refresh_token(&origin(&tokens), status(account.status));
    let has_old = keeps_old && tokens.refresh_token.is_some();
    let has_one = has_old || grant.refresh_token.is_some();
    let grant = &grant.clone().lasting_as_before(end_of(&tokens), has_one);
    let replaced = if keeps_old {
        token_columns(grant, has_old, now)
    } else {
        replaced_columns(&tokens, grant, now)
    };
    let replaced = tokens::ActiveModel {
        id: Set(tokens.id),
        ..replaced
    };
    replaced.update(db).await.map_err(failed)?;
    let revived = accounts::ActiveModel {
        id: Set(account.id),
        ..account_columns(grant, now)
    };
    revived.update(db).await.map_err(failed)?;
    Ok(AccountId(account.id))
}

fn end_of(tokens: &tokens::Model) -> AccessEnd {
    let expires_at = time(tokens.access_token_expires_at);
    let obtained_at = Timestamp::from_millis(tokens.obtained_at);
    AccessEnd::of_stored(expires_at, hints(tokens), obtained_at)
}

/// What is known about the old refresh token and its grant, and who may be presenting it, goes with it.
fn replaced_columns(old: &tokens::Model, grant: &NewGrant, now: Timestamp) -> tokens::ActiveModel {
    tokens::ActiveModel {
        generation: Set(old.generation + 1),
        refresh_token: Set(refresh_token(grant)),
        refresh_token_expires_at: Set(dies_at(grant)),
        spare_refresh_token: Set(None),
        renewed_by_use: Set(None),
        grant_expires_at: Set(ends_at(grant)),
        lease_until: Set(None),
        lease_version: Set(old.lease_version + 1),
        ambiguous: Set(false),
        ..token_columns(grant, grant.refresh_token.is_some(), now)
    }
}

fn dies_at(grant: &NewGrant) -> Option<i64> {
    grant.refresh_token_expires_at.map(Timestamp::as_millis)
}

fn ends_at(grant: &NewGrant) -> Option<i64> {
    grant.grant_expires_at.map(Timestamp::as_millis)
}

fn refresh_token(grant: &NewGrant) -> Option<Vec<u8>> {
    grant.refresh_token.as_ref().map(bytes)
}
