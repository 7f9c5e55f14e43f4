//! Finds due refreshes while some providers are busy. Runs one indexed query for each other provider, because a scan
//! would also read the rows of the busy providers, which may be a million.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::ports::StoreError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    TryGetableMany,
};

use crate::claims;
use crate::convert::row_count;
use crate::damage;
use crate::entities::tokens::{Column, Entity};
use crate::error::failed;

/// Returns when the next refresh is due. Leaves out busy providers.
pub(crate) async fn next_due(
    db: &impl ConnectionTrait,
    busy: &[ProviderName],
) -> Result<Option<Timestamp>, StoreError> {
    let firsts = first_due(db, busy).await?;
    let next = firsts.into_iter().map(|(_, due_at)| due_at).min();
    Ok(next.map(Timestamp::from_millis))
}

/// Returns the ids of rows that are due, longest overdue first. Leaves out busy providers.
pub(crate) async fn due_rows(
    db: &impl ConnectionTrait,
    now: Timestamp,
    limit: u64,
    busy: &[ProviderName],
) -> Result<Vec<i64>, StoreError> {
    let mut rows = Vec::new();
    for (provider, due_at) in first_due(db, busy).await? {
        if due_at <= now.as_millis() {
            let due = due_at_provider(&provider, now, limit).into_tuple::<(i64, i64)>();
            rows.extend(due.all(db).await.map_err(failed)?);
        }
    }
    rows.sort_unstable();
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(rows.into_iter().map(|(_, id)| id).collect())
}

/// Returns each provider that is not busy, with the time of its first refresh. There are few providers, so each query
/// skips to the next provider in an index.
async fn first_due(
    db: &impl ConnectionTrait,
    busy: &[ProviderName],
) -> Result<Vec<(String, i64)>, StoreError> {
    let (mut open, mut last) = (Vec::new(), None);
    loop {
        let next = damage::raw(db, &next_provider(last.as_deref())).await?;
        let Some(next) = next.first() else {
            return Ok(open);
        };
        let Ok((provider, due_at)) = <(String, i64)>::try_get_many_by_index(next) else {
            // Values that are not text sort after all text, so no provider follows.
            return Ok(open);
        };
        if !busy.iter().any(|busy| busy.as_str() == provider) {
            open.push((provider.clone(), due_at));
        }
        last = Some(provider);
    }
}

pub(crate) fn next_provider(last: Option<&str>) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Provider)
        .expr(damage::whole(Column::RefreshDueAt))
        .filter(Column::RefreshDueAt.is_not_null())
        .filter(claims::is_time::<Entity>())
        .filter(Column::Provider.gt(last.unwrap_or_default()))
        .order_by_asc(Column::Provider)
        .order_by_asc(Column::RefreshDueAt)
        .limit(1)
}

pub(crate) fn due_at_provider(provider: &str, now: Timestamp, limit: u64) -> Select<Entity> {
    Entity::find()
        .select_only()
        .expr(damage::whole(Column::RefreshDueAt))
        .column(Column::Id)
        .filter(Column::Provider.eq(provider))
        .filter(Column::RefreshDueAt.lte(now.as_millis()))
        .order_by_asc(Column::RefreshDueAt)
        .order_by_asc(Column::Id)
        .limit(row_count(limit))
}
