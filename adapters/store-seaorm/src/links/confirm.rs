//! Links that a browser confirms.

use central_oauth_domain::Timestamp;
use central_oauth_domain::link::{
    Confirmation, ConsentLimit, ConsentsInProgress, Link, TooManyConsents,
};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::secret::KeyedHash;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Select};

use crate::claims::counted;
use crate::entities::device_codes::{Column, Entity};
use crate::links::save;
use crate::locks::{self, Alone};
use crate::store::SeaOrmStore;

pub(super) async fn reserve(
    store: &SeaOrmStore,
    link: &Link,
    by: &Confirmation,
    now: Timestamp,
) -> Result<Result<Link, TooManyConsents>, StoreError> {
    let reserved = link.reserve(by, now)?;
    if reserved.version == link.version {
        return Ok(Ok(reserved));
    }
    let write = store.write().await?;
    locks::alone(&write.txn, Alone::Consents).await?;
    let of_network = underway_from(&by.network, now);
    let underway = ConsentsInProgress {
        of_network: counted(&write.txn, of_network.limit(ConsentLimit::PER_NETWORK)).await?,
        of_all: counted(&write.txn, underway(now).limit(ConsentLimit::MOST)).await?,
    };
    if let Err(refused) = ConsentLimit::judge(underway) {
        return Ok(Err(refused));
    }
    let saved = save(&write.txn, link, &reserved).await?;
    write.commit().await?;
    Ok(Ok(saved))
}

/// The same from one network.
pub(crate) fn underway_from(network: &KeyedHash, now: Timestamp) -> Select<Entity> {
    underway(now).filter(Column::ConfirmedFrom.eq(network.as_bytes().to_vec()))
}

/// Links that somebody has confirmed and that have neither ended nor expired.
pub(crate) fn underway(now: Timestamp) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::ExpiresAt)
        .filter(Column::ConfirmedFrom.is_not_null())
        .filter(Column::EndedAt.is_null())
        .filter(super::is_ahead(now))
}
