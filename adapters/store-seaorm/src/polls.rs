//! Links that the provider is to be asked about.

use std::error::Error;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::link::{Link, LinkId, PollSchedule, SealedGrant};
use central_oauth_domain::ports::StoreError;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    UpdateMany,
};

use crate::changes::{change, change_alone};
use crate::convert::{grant_columns, poll_columns, row_count};
use crate::entities::device_codes::{ActiveModel, Column, Entity, Model, State};
use crate::error::failed;
use crate::store::SeaOrmStore;

pub(crate) async fn claim_due(
    store: &SeaOrmStore,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u64,
    busy: &[ProviderName],
) -> Result<Vec<Link>, StoreError> {
    let write = store.write().await?;
    let mut rows = claim(now, lease_until, limit, busy)
        .exec_with_returning(&write.txn)
        .await
        .map_err(failed)?;
    write.commit().await?;
    // An update gives its rows back in any order.
    rows.sort_by_key(|row| (row.poll_next_at, row.id));
    Ok(rows.into_iter().filter_map(readable).collect())
}

/// A row that cannot be understood keeps nobody from the others.
fn readable(row: Model) -> Option<Link> {
    let id = row.id;
    let link = Link::try_from(row);
    link.inspect_err(|error| {
        tracing::error!(
            link = id,
            error = error as &dyn Error,
            "a link cannot be read"
        );
    })
    .ok()
}

/// One statement finds and leases. On PostgreSQL it could meet a row that somebody else leases meanwhile: the
/// condition is then put to the row as it has become, and the row is left alone.
pub(crate) fn claim(
    now: Timestamp,
    lease_until: Timestamp,
    limit: u64,
    busy: &[ProviderName],
) -> UpdateMany<Entity> {
    let leased = ActiveModel {
        lease_until: Set(Some(lease_until.as_millis())),
        ..Default::default()
    };
    Entity::update_many()
        .set(leased)
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::Id.in_subquery(due(now, limit, busy).into_query()))
        .filter(Column::PollDueAt.lte(now.as_millis()))
}

fn due(now: Timestamp, limit: u64, busy: &[ProviderName]) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::PollDueAt.lte(now.as_millis()))
        .filter(not_at(busy))
        .order_by_asc(Column::PollDueAt)
        .order_by_asc(Column::Id)
        .limit(row_count(limit))
}

/// Asked row by row, in the order of the index.
fn not_at(busy: &[ProviderName]) -> Condition {
    let names = busy.iter().map(ProviderName::as_str);
    Condition::all().add_option((!busy.is_empty()).then(|| Column::Provider.is_not_in(names)))
}

pub(crate) async fn next_at(
    store: &SeaOrmStore,
    busy: &[ProviderName],
) -> Result<Option<Timestamp>, StoreError> {
    let next: Option<i64> = next_due(busy)
        .into_tuple()
        .one(&store.db)
        .await
        .map_err(failed)?;
    Ok(next.map(Timestamp::from_millis))
}

pub(crate) fn next_due(busy: &[ProviderName]) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::PollDueAt)
        .filter(Column::PollDueAt.is_not_null())
        .filter(not_at(busy))
        .order_by_asc(Column::PollDueAt)
        .limit(1)
}

pub(crate) async fn postpone(
    store: &SeaOrmStore,
    link: LinkId,
    version: i64,
    poll: PollSchedule,
) -> Result<(), StoreError> {
    let released = ActiveModel {
        lease_until: Set(None),
        ..Default::default()
    };
    let postponed = poll_columns(Some(poll), released);
    change_alone(store, link, version, &State::AT_THE_PROVIDER, postponed).await?;
    Ok(())
}

pub(crate) async fn keep_redeemed(
    store: &SeaOrmStore,
    link: LinkId,
    version: i64,
    grant: SealedGrant,
    poll: PollSchedule,
    expires_at: Timestamp,
) -> Result<Link, StoreError> {
    let write = store.write().await?;
    let redeemed = poll_columns(Some(poll), grant_columns(grant));
    let row = change(&write.txn, link, version, &[State::Authorizing], redeemed).await?;
    let row = if row.expires_at < expires_at.as_millis() {
        let prolonged = ActiveModel {
            expires_at: Set(expires_at.as_millis()),
            ..Default::default()
        };
        change(&write.txn, link, row.version, &[State::Redeemed], prolonged).await?
    } else {
        row
    };
    write.commit().await?;
    row.try_into()
}
