//! Links that are new.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::AccessKeyId;
use central_oauth_domain::link::{Link, LinkId};
use central_oauth_domain::ports::{LinkCreation, NewLink, NewLinkKey, StoreError};
use sea_orm::ActiveValue::NotSet;
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, QuerySelect, SqlErr};

use super::open_links;
use crate::convert::{link_columns, row_count};
use crate::database::Purpose;
use crate::entities::device_codes::ActiveModel;
use crate::error::failed;
use crate::store::SeaOrmStore;
use crate::{keys, locks};

pub(super) async fn create(
    store: &SeaOrmStore,
    link: NewLink,
    most_open: u64,
) -> Result<LinkCreation, StoreError> {
    let created = store.database.write(Purpose::Change, move |db| {
        Box::pin(insert(db, link, most_open))
    });
    match created.await {
        Ok(link) => Ok(LinkCreation::Created(Box::new(link))),
        Err(NotCreated::Refused(answer)) => Ok(answer),
        Err(NotCreated::Failed(error)) => Err(error),
    }
}

/// Why nothing of a link is stored.
enum NotCreated {
    Refused(LinkCreation),
    Failed(StoreError),
}

impl From<StoreError> for NotCreated {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

async fn insert(
    db: &impl ConnectionTrait,
    link: NewLink,
    most_open: u64,
) -> Result<Link, NotCreated> {
    locks::new_links(db).await?;
    if is_full(db, link.created_at, most_open).await? {
        return Err(NotCreated::Refused(LinkCreation::OverCapacity));
    }
    let key = key_of(db, &link).await?;
    match new_row(link, key).insert(db).await {
        Ok(row) => Ok(row.try_into()?),
        Err(error) if is_taken(&error) => Err(NotCreated::Refused(LinkCreation::CodeTaken)),
        Err(error) => Err(failed(error).into()),
    }
}

async fn key_of(db: &impl ConnectionTrait, link: &NewLink) -> Result<AccessKeyId, StoreError> {
    match link.key {
        NewLinkKey::New(hash) => {
            let name = link.requester.client_name.clone();
            keys::insert_inert(db, hash, name, link.created_at).await
        }
        NewLinkKey::Relink { key, account } => {
            locks::parent(db, account).await?;
            keys::require(db, key, account).await?;
            Ok(key)
        }
    }
}

/// The database numbers the row.
fn new_row(link: NewLink, key: AccessKeyId) -> ActiveModel {
    ActiveModel {
        id: NotSet,
        ..link_columns(&link.into_link(LinkId(0), key))
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
