//! Links, from the code to their end.

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::revocation::NewRevocation;
use central_oauth_domain::grant::{AccessKeyId, Account, AccountId, NewGrant, ProviderName};
use central_oauth_domain::link::{
    Ending, Link, LinkId, PollSchedule, Requester, SealedConsent, SealedGrant,
};
use central_oauth_domain::ports::{LinkCreation, LinkStore, NewLink, NewLinkKey, StoreError};
use central_oauth_domain::secret::{KeyedHash, Sealed};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, SqlErr,
};

use crate::changes::{at, change};
use crate::convert::{bytes, consent_columns, ended_columns, poll_columns, row_count};
use crate::entities::device_codes::{ActiveModel, Column, Entity, State};
use crate::error::failed;
use crate::store::SeaOrmStore;
use crate::{complete, keys, locks, outbox, polls, purge};

#[async_trait]
impl LinkStore for SeaOrmStore {
    async fn create_link(&self, link: NewLink, most_open: u64) -> Result<LinkCreation, StoreError> {
        let write = self.write().await?;
        locks::new_links(&write.txn).await?;
        if is_full(&write.txn, link.created_at, most_open).await? {
            return Ok(LinkCreation::OverCapacity);
        }
        let (key, relink_of) = key_of(&write.txn, &link).await?;
        match new_row(link, key, relink_of).insert(&write.txn).await {
            Ok(row) => {
                write.commit().await?;
                Ok(LinkCreation::Created(Box::new(row.try_into()?)))
            }
            Err(error) if is_taken(&error) => Ok(LinkCreation::CodeTaken),
            Err(error) => Err(failed(error)),
        }
    }

    async fn find_link(&self, code: &KeyedHash) -> Result<Option<Link>, StoreError> {
        let row = with_code(code)
            .one(&self.read().await?)
            .await
            .map_err(failed)?;
        row.map(Link::try_from).transpose()
    }

    async fn reserve_link(
        &self,
        link: LinkId,
        browser: KeyedHash,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        let write = self.write().await?;
        let row = Entity::find_by_id(link.0)
            .filter(Column::State.eq(State::Pending))
            .filter(Column::ExpiresAt.gt(now.as_millis()))
            .one(&write.txn)
            .await
            .map_err(failed)?
            .ok_or(StoreError::Conflict)?;
        let kept = Link::try_from(row)?;
        if kept.belongs_to(&browser) {
            return Ok(kept);
        }
        if !kept.is_open_to(&browser) {
            return Err(StoreError::Conflict);
        }
        let reserved = ActiveModel {
            browser_hash: Set(Some(browser.as_bytes().to_vec())),
            ..Default::default()
        };
        let row = change(&write.txn, link, kept.version, &[State::Pending], reserved).await?;
        write.commit().await?;
        row.try_into()
    }

    async fn begin_consent(
        &self,
        link: LinkId,
        version: i64,
        consent: SealedConsent,
        poll: Option<PollSchedule>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        let authorizing = ActiveModel {
            expires_at: Set(expires_at.as_millis()),
            ..poll_columns(poll, consent_columns(&consent))
        };
        let write = self.write().await?;
        let pending = at(&write.txn, link, version, &[State::Pending]).await?;
        if pending.expires_at <= now.as_millis() {
            return Err(StoreError::Conflict);
        }
        let row = change(&write.txn, link, version, &[State::Pending], authorizing).await?;
        write.commit().await?;
        row.try_into()
    }

    async fn keep_callback(
        &self,
        link: LinkId,
        version: i64,
        callback: Sealed,
        answer: KeyedHash,
        poll: PollSchedule,
    ) -> Result<Link, StoreError> {
        let kept = ActiveModel {
            callback: Set(Some(bytes(&callback))),
            callback_hash: Set(Some(answer.as_bytes().to_vec())),
            ..Default::default()
        };
        let kept = poll_columns(Some(poll), kept);
        let write = self.write().await?;
        let waiting = at(&write.txn, link, version, &[State::Authorizing]).await?;
        if waiting.callback.is_some() {
            return Err(StoreError::Conflict);
        }
        let row = change(&write.txn, link, version, &[State::Authorizing], kept).await?;
        write.commit().await?;
        row.try_into()
    }

    async fn claim_due_polls(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<Link>, StoreError> {
        polls::claim_due(self, now, lease_until, limit, busy).await
    }

    async fn next_poll_at(&self, busy: &[ProviderName]) -> Result<Option<Timestamp>, StoreError> {
        polls::next_at(self, busy).await
    }

    async fn postpone_poll(
        &self,
        link: LinkId,
        version: i64,
        poll: PollSchedule,
    ) -> Result<(), StoreError> {
        polls::postpone(self, link, version, poll).await
    }

    async fn keep_redeemed(
        &self,
        link: LinkId,
        version: i64,
        grant: SealedGrant,
        poll: PollSchedule,
        expires_at: Timestamp,
    ) -> Result<Link, StoreError> {
        polls::keep_redeemed(self, link, version, grant, poll, expires_at).await
    }

    async fn complete_link(
        &self,
        link: LinkId,
        version: i64,
        grant: NewGrant,
        now: Timestamp,
    ) -> Result<Account, StoreError> {
        complete::link(self, link, version, grant, now).await
    }

    async fn end_link(
        &self,
        link: LinkId,
        version: i64,
        ending: Ending,
        stray: Option<NewRevocation>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (state, fault) = match ending {
            Ending::Denied(why) => (State::Denied, why),
            Ending::Expired => (State::Expired, None),
            Ending::Failed(fault) => (State::Failed, Some(fault)),
        };
        let ended = ended_columns(state, fault, now);
        let write = self.save().await?;
        if let Some(stray) = &stray {
            locks::persons(&write.txn, &stray.provider).await?;
        }
        change(&write.txn, link, version, &State::OPEN, ended).await?;
        if let Some(stray) = stray {
            outbox::keep_stray(&write.txn, stray).await?;
        }
        write.commit().await
    }

    async fn open_relinks(&self, account: AccountId) -> Result<Vec<Link>, StoreError> {
        let rows = relinks_of(account)
            .all(&self.read().await?)
            .await
            .map_err(failed)?;
        rows.into_iter().map(Link::try_from).collect()
    }

    async fn purge_links(&self, ended_before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        purge::links(self, ended_before, limit).await
    }
}

/// The key of a new link, and the account that it relinks.
async fn key_of(
    db: &impl ConnectionTrait,
    link: &NewLink,
) -> Result<(AccessKeyId, Option<AccountId>), StoreError> {
    match link.key {
        NewLinkKey::New(hash) => {
            let name = link.requester.client_name.clone();
            let key = keys::insert_inert(db, hash, name, link.created_at).await?;
            Ok((key, None))
        }
        NewLinkKey::Relink { key, account } => {
            locks::parent(db, account).await?;
            keys::require(db, key, account).await?;
            Ok((key, Some(account)))
        }
    }
}

fn new_row(link: NewLink, key: AccessKeyId, relink_of: Option<AccountId>) -> ActiveModel {
    let Requester {
        client_name,
        address,
    } = link.requester;
    ActiveModel {
        version: Set(1),
        code_hash: Set(link.code.as_bytes().to_vec()),
        access_key_id: Set(key.0),
        relink_of: Set(relink_of.map(|account| account.0)),
        provider: Set(link.provider.as_str().to_owned()),
        client_name: Set(client_name),
        address: Set(address),
        created_at: Set(link.created_at.as_millis()),
        expires_at: Set(link.expires_at.as_millis()),
        state: Set(State::Pending),
        ..Default::default()
    }
}

/// Both databases name the constraint, and with it the column.
fn is_taken(error: &DbErr) -> bool {
    let violated = error.sql_err();
    matches!(violated, Some(SqlErr::UniqueConstraintViolation(words)) if words.contains("code_hash"))
}

/// Whether `most_open` links are open already: whether there is a last one of that many.
async fn is_full(
    db: &impl ConnectionTrait,
    now: Timestamp,
    most_open: u64,
) -> Result<bool, StoreError> {
    let Some(others) = most_open.checked_sub(1) else {
        return Ok(true);
    };
    let last: Option<i64> = open_links(now)
        .offset(row_count(others))
        .limit(1)
        .into_tuple()
        .one(db)
        .await
        .map_err(failed)?;
    Ok(last.is_some())
}

/// Neither ended nor expired.
pub(crate) fn open_links(now: Timestamp) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::EndedAt.is_null())
        .filter(Column::ExpiresAt.gt(now.as_millis()))
        .order_by_asc(Column::ExpiresAt)
}

pub(crate) fn with_code(code: &KeyedHash) -> Select<Entity> {
    Entity::find().filter(Column::CodeHash.eq(code.as_bytes().to_vec()))
}

pub(crate) fn relinks_of(account: AccountId) -> Select<Entity> {
    Entity::find()
        .filter(Column::RelinkOf.eq(account.0))
        .filter(Column::EndedAt.is_null())
        .order_by_asc(Column::Id)
}
