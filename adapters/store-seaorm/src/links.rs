//! Links, from the code to their end.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccessKeyId, AccountId};
use central_oauth_domain::link::{Ending, Link, LinkId, PollSchedule, Requester, SealedConsent};
use central_oauth_domain::ports::{LinkCreation, NewLink, NewLinkKey, StoreError};
use central_oauth_domain::secret::KeyedHash;
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, SqlErr,
};

use crate::convert::{consent_columns, ended_columns, poll_columns, row_count};
use crate::entities::device_codes::{ActiveModel, Column, Entity, Model, State};
use crate::error::failed;
use crate::keys;
use crate::store::SeaOrmStore;

pub(crate) async fn create(
    store: &SeaOrmStore,
    link: NewLink,
    most_open: u64,
) -> Result<LinkCreation, StoreError> {
    let write = store.write().await?;
    if is_full(&write.txn, link.created_at, most_open).await? {
        return Ok(LinkCreation::OverCapacity);
    }
    let (key, relink_of) = match link.key {
        NewLinkKey::New(hash) => {
            let key = keys::insert_inert(&write.txn, hash, link.created_at).await?;
            (key, None)
        }
        NewLinkKey::Relink { key, account } => {
            keys::require(&write.txn, key, account).await?;
            (key, Some(account))
        }
    };
    match new_row(link, key, relink_of).insert(&write.txn).await {
        Ok(row) => {
            write.commit().await?;
            Ok(LinkCreation::Created(Box::new(row.try_into()?)))
        }
        Err(error) if is_taken(&error) => Ok(LinkCreation::CodeTaken),
        Err(error) => Err(failed(error)),
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

/// The code is the only thing about a new link that must be unlike others.
fn is_taken(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
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

pub(crate) async fn find(
    store: &SeaOrmStore,
    code: &KeyedHash,
) -> Result<Option<Link>, StoreError> {
    let row = with_code(code).one(&store.db).await.map_err(failed)?;
    row.map(Link::try_from).transpose()
}

pub(crate) fn with_code(code: &KeyedHash) -> Select<Entity> {
    Entity::find().filter(Column::CodeHash.eq(code.as_bytes().to_vec()))
}

pub(crate) async fn reserve(
    store: &SeaOrmStore,
    link: LinkId,
    browser: KeyedHash,
    now: Timestamp,
) -> Result<Link, StoreError> {
    let write = store.write().await?;
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

pub(crate) async fn begin_consent(
    store: &SeaOrmStore,
    link: LinkId,
    version: i64,
    authorizing: ActiveModel,
    now: Timestamp,
) -> Result<Link, StoreError> {
    let write = store.write().await?;
    let pending = at(&write.txn, link, version, &[State::Pending]).await?;
    if pending.expires_at <= now.as_millis() {
        return Err(StoreError::Conflict);
    }
    let row = change(&write.txn, link, version, &[State::Pending], authorizing).await?;
    write.commit().await?;
    row.try_into()
}

/// A link at which the provider waits for the person until `expires_at`.
pub(crate) fn authorizing(
    consent: &SealedConsent,
    poll: Option<PollSchedule>,
    expires_at: Timestamp,
) -> ActiveModel {
    ActiveModel {
        expires_at: Set(expires_at.as_millis()),
        ..poll_columns(poll, consent_columns(consent))
    }
}

pub(crate) async fn end(
    store: &SeaOrmStore,
    link: LinkId,
    version: i64,
    ending: Ending,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (state, fault) = match ending {
        Ending::Denied => (State::Denied, None),
        Ending::Expired => (State::Expired, None),
        Ending::Failed(fault) => (State::Failed, Some(fault)),
    };
    let ended = ended_columns(state, fault, now);
    change_alone(store, link, version, &State::OPEN, ended).await?;
    Ok(())
}

/// A change of one link that is a transaction of its own.
pub(crate) async fn change_alone(
    store: &SeaOrmStore,
    link: LinkId,
    version: i64,
    from: &[State],
    to: ActiveModel,
) -> Result<Model, StoreError> {
    let write = store.write().await?;
    let row = change(&write.txn, link, version, from, to).await?;
    write.commit().await?;
    Ok(row)
}

/// The row of a link that is still at `version`, in one of these states.
pub(crate) async fn at(
    db: &impl ConnectionTrait,
    link: LinkId,
    version: i64,
    states: &[State],
) -> Result<Model, StoreError> {
    let row = Entity::find_by_id(link.0)
        .filter(Column::Version.eq(version))
        .filter(Column::State.is_in(states.iter().copied()))
        .one(db)
        .await
        .map_err(failed)?;
    row.ok_or(StoreError::Conflict)
}

/// Changes a link that is still at `version`, in one of the states that the change starts from.
pub(crate) async fn change(
    db: &impl ConnectionTrait,
    link: LinkId,
    version: i64,
    from: &[State],
    to: ActiveModel,
) -> Result<Model, StoreError> {
    let raised = ActiveModel {
        version: Set(version + 1),
        ..to
    };
    let changed = Entity::update_many()
        .set(raised)
        .filter(Column::Id.eq(link.0))
        .filter(Column::Version.eq(version))
        .filter(Column::State.is_in(from.iter().copied()))
        .exec_with_returning(db)
        .await
        .map_err(failed)?;
    changed.into_iter().next().ok_or(StoreError::Conflict)
}
