//! Links that the provider is to be asked about.

use std::error::Error;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::StoreError;

use crate::claims::{self, Leased};
use crate::entities::device_codes::{Column, Entity, Model};
use crate::error::failed;
use crate::store::SeaOrmStore;

pub(super) async fn claim_due(
    store: &SeaOrmStore,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u64,
    busy: &[ProviderName],
) -> Result<Vec<Link>, StoreError> {
    let write = store.write().await?;
    let (now, lease_until) = store.by_the_server(&write.txn, now, lease_until).await?;
    let due = claims::due::<Entity>(now, limit, busy);
    let mut rows = claims::claim(&write.txn, due, now, lease_until).await?;
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

impl Leased for Entity {
    const ID: Column = Column::Id;
    const PROVIDER: Column = Column::Provider;
    const DUE_AT: Column = Column::PollDueAt;
    const LEASE_UNTIL: Column = Column::LeaseUntil;
    const NEXT_AT: Column = Column::PollNextAt;
    const VERSION: Column = Column::Version;
}

pub(super) async fn next_at(
    store: &SeaOrmStore,
    busy: &[ProviderName],
) -> Result<Option<Timestamp>, StoreError> {
    let next = claims::next_due::<Entity>(busy).into_tuple::<i64>();
    let next = next.one(&store.read().await?).await.map_err(failed)?;
    Ok(next.map(Timestamp::from_millis))
}
