use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::AccessKeyId;
use central_oauth_domain::link::{CodeLimit, Link, LinkId};
use central_oauth_domain::ports::{LinkCreation, NewLink, NewLinkKey, StoreError};
use central_oauth_domain::vault::RowMacs;
use sea_orm::ActiveValue::NotSet;
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, QuerySelect, SqlErr};

use super::queries::{codes_of, open_links};
use crate::claims::counted;
use crate::convert::{link_columns, row_count};
use crate::entities::device_codes::ActiveModel;
use crate::error::failed;
use crate::locks::Alone;
use crate::{keys, locks, workloads};

/// Why a link is not stored.
pub(super) enum NotCreated {
    Refused(LinkCreation),
    Failed(StoreError),
}

impl From<StoreError> for NotCreated {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

pub(super) async fn insert(
    db: &impl ConnectionTrait,
    link: NewLink,
    most_open: u64,
    limit: CodeLimit,
    macs: RowMacs,
) -> Result<Link, NotCreated> {
    locks::alone(db, Alone::NewLinks).await?;
    let open = open_links(link.created_at).limit(row_count(most_open));
    let open = counted(db, open).await?;
    let full_since = full_since(db, &link, open, limit).await?;
    if let Err(refused) = limit.judge(full_since, link.created_at) {
        return Err(NotCreated::Refused(LinkCreation::TooManyCodes(refused)));
    }
    if open >= most_open {
        return Err(NotCreated::Refused(LinkCreation::OverCapacity));
    }
    let workload = link.workload.clone();
    if let Some(asking) = &workload
        && !workloads::use_once(db, &asking.token).await?
    {
        return Err(NotCreated::Refused(LinkCreation::TokenUsed));
    }
    let key = key_of(db, &link, &macs).await?;
    if let Some(binding) = workload.and_then(|asking| asking.binding) {
        workloads::insert(db, key, binding).await?;
    }
    let row = ActiveModel {
        id: NotSet,
        ..link_columns(&link.into_link(LinkId(0), key))
    };
    match row.insert(db).await {
        Ok(row) => Ok(row.try_into()?),
        Err(error) if is_taken(&error) => Err(NotCreated::Refused(LinkCreation::CodeTaken)),
        Err(error) => Err(failed(error).into()),
    }
}

async fn key_of(
    db: &impl ConnectionTrait,
    link: &NewLink,
    macs: &RowMacs,
) -> Result<AccessKeyId, StoreError> {
    match link.key {
        NewLinkKey::New(key) => keys::insert_inert(db, key, link, macs).await,
        NewLinkKey::Relink { key, account } => {
            locks::parent(db, account).await?;
            keys::require(db, key, account).await?;
            Ok(key)
        }
    }
}

/// Whether the link code is taken. The errors of both databases contain the name of the column.
fn is_taken(error: &DbErr) -> bool {
    let violated = error.sql_err();
    matches!(violated, Some(SqlErr::UniqueConstraintViolation(words)) if words.contains("code_hash"))
}

/// Returns when the network reached its limit of link codes: the time of its `most`th latest code. Returns `None` if
/// the network has fewer codes.
async fn full_since(
    db: &impl ConnectionTrait,
    link: &NewLink,
    open: u64,
    limit: CodeLimit,
) -> Result<Option<Timestamp>, StoreError> {
    let Some(network) = &link.network else {
        return Ok(None);
    };
    let quota = limit.of_network(open);
    let codes = codes_of(network, quota, &limit.counting(link.created_at));
    let first = codes.offset(quota.most - 1).limit(1);
    let first = first.into_tuple::<i64>().one(db).await.map_err(failed)?;
    Ok(first.map(Timestamp::from_millis))
}
