//! Links that are polled at the provider.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::link::{Link, in_turns};
use central_oauth_domain::ports::StoreError;
use sea_orm::sea_query::{Alias, CaseStatement, Expr, ExprTrait, JoinType, Order};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select, UpdateMany};

use crate::claims::{self, Leased};
use crate::convert::row_count;
use crate::entities::device_codes::{Column, Entity};
use crate::store::SeaOrmStore;

pub(super) async fn claim_due(
    store: &SeaOrmStore,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u64,
    busy: &[ProviderName],
) -> Result<Vec<Link>, StoreError> {
    let write = store.write().await?;
    let (now, lease_until) = store.time.both(&write.txn, now, lease_until).await?;
    let due = due_in_turns(now, limit, busy);
    let links = claims::claim(&write.txn, due, now, lease_until, Link::try_from).await?;
    write.commit().await?;
    let links = links.into_iter().map(|link| (link.confirmed_from, link));
    Ok(in_turns(links.collect()))
}

/// Polls that are due at providers that are not busy, in the order of [`in_turns`].
pub(crate) fn due_in_turns(now: Timestamp, limit: u64, busy: &[ProviderName]) -> Select<Entity> {
    let (turns, turn) = (Alias::new("turns"), Alias::new("turn"));
    let mut due = Entity::find()
        .select_only()
        .columns([Column::Id, Column::PollDueAt])
        .filter(Column::PollDueAt.lte(now.as_millis()))
        .filter(claims::not_at::<Entity>(busy))
        .into_query();
    let row_number = "ROW_NUMBER() OVER (PARTITION BY confirmed_from ORDER BY poll_due_at, id)";
    due.expr_as(Expr::cust(row_number), turn.clone());
    let of_turn = Expr::col((turns.clone(), Column::Id)).equals((Entity, Column::Id));
    // PostgreSQL evaluates this condition again for a row that another transaction has changed before it could be
    // locked.
    let still_due = Column::PollDueAt.lte(now.as_millis());
    let mut found = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(still_due);
    QuerySelect::query(&mut found)
        .join_subquery(JoinType::InnerJoin, due, turns.clone(), of_turn)
        .order_by((turns.clone(), turn), Order::Asc)
        .order_by((turns.clone(), Column::PollDueAt), Order::Asc)
        .order_by((turns, Column::Id), Order::Asc);
    found.limit(row_count(limit))
}

impl Leased for Entity {
    const PROVIDER: Column = Column::Provider;
    const DUE_AT: Column = Column::PollDueAt;
    const LEASE_UNTIL: Column = Column::LeaseUntil;
    const NEXT_AT: Column = Column::PollNextAt;
    const VERSION: Column = Column::Version;

    /// The rule of [`Link::claim`].
    fn lease(until: Timestamp) -> UpdateMany<Self> {
        let failures = Expr::col(Column::PollFailures);
        let is_lost = Expr::col(Column::LeaseUntil).is_not_null();
        let is_lost = is_lost.and(Expr::col(Column::PollFailures).lt(i64::from(u32::MAX)));
        let failures = CaseStatement::new()
            .case(is_lost, failures.clone().add(1))
            .finally(failures);
        Self::update_many()
            .col_expr(Self::LEASE_UNTIL, Expr::value(until.as_millis()))
            .col_expr(Self::VERSION, claims::next_version::<Self>())
            .col_expr(Column::PollFailures, failures.into())
    }
}
