//! Leases due rows. A leased row belongs to one task of one replica until the lease expires.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::ports::StoreError;
use sea_orm::sea_query::{
    Alias, CaseStatement, CommonTableExpression, Expr, ExprTrait, Func, LockBehavior, LockType,
    Query, SimpleExpr, WithQuery,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IdenStatic, Iterable, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select, UpdateMany,
};

use crate::convert::row_count;
use crate::damage;
use crate::entities::Table;
use crate::error::failed;

/// A table whose rows become due and are leased.
pub(crate) trait Leased: Table {
    const PROVIDER: Self::Column;
    /// The later of [`Leased::NEXT_AT`] and [`Leased::LEASE_UNTIL`]; NULL if the row is never due.
    const DUE_AT: Self::Column;
    const LEASE_UNTIL: Self::Column;
    /// When the row is due, regardless of its lease.
    const NEXT_AT: Self::Column;
    const VERSION: Self::Column;

    /// Adds the columns that a claim changes if an earlier lease has expired without a result.
    fn note_expired_lease(claim: UpdateMany<Self>) -> UpdateMany<Self> {
        claim
    }
}

/// The rule of `LeaseVersion::next`, in SQL.
fn next_version<E: Leased>() -> SimpleExpr {
    let next = Expr::col(E::VERSION).add(1);
    let last = Expr::col(E::VERSION).eq(i64::MAX);
    CaseStatement::new().case(last, 0).finally(next).into()
}

/// Selects rows that are due, longest overdue first. Leaves out busy providers.
pub(crate) fn due<E: Leased>(now: Timestamp, limit: u64, busy: &[ProviderName]) -> Select<E> {
    E::find()
        .select_only()
        .column(E::ID)
        .filter(E::DUE_AT.lte(now.as_millis()))
        .filter(not_at::<E>(busy))
        .order_by_asc(E::DUE_AT)
        .order_by_asc(E::ID)
        .limit(row_count(limit))
}

/// Returns when the next row is due. Leaves out busy providers.
pub(crate) async fn next_due_at<E: Leased>(
    db: &impl ConnectionTrait,
    busy: &[ProviderName],
) -> Result<Option<Timestamp>, StoreError> {
    let next = next_due::<E>(busy).into_tuple::<i64>().one(db).await;
    Ok(next.map_err(failed)?.map(Timestamp::from_millis))
}

/// Selects when the next row is due. Leaves out busy providers.
pub(crate) fn next_due<E: Leased>(busy: &[ProviderName]) -> Select<E> {
    E::find()
        .select_only()
        .expr(damage::whole(E::DUE_AT))
        .filter(E::DUE_AT.is_not_null())
        .filter(is_time::<E>())
        .filter(not_at::<E>(busy))
        .order_by_asc(E::DUE_AT)
        .limit(1)
}

/// Leaves out due times that SQLite has stored as text, because text compares greater than all numbers. `coalesce`
/// keeps the planner from choosing an index for this condition, because the other conditions have better indexes.
pub(crate) fn is_time<E: Leased>() -> SimpleExpr {
    let due_at = [Expr::col(E::DUE_AT), Expr::val(0_i64)];
    Func::coalesce(due_at).lte(i64::MAX)
}

/// Leaves out rows of busy providers. The database checks each row while it reads an index in order.
pub(crate) fn not_at<E: Leased>(busy: &[ProviderName]) -> Condition {
    let names = busy.iter().map(ProviderName::as_str);
    Condition::all().add_option((!busy.is_empty()).then(|| E::PROVIDER.is_not_in(names)))
}

/// Leases the rows that `due` selects. Returns them converted by `read`, longest overdue first. Skips rows that another
/// transaction has locked, so that replicas share the work instead of waiting for each other.
pub(crate) async fn claim<E: Leased, T>(
    db: &impl ConnectionTrait,
    due: Select<E>,
    lease_until: Timestamp,
    read: impl Fn(E::Model) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let leased = db.query_all(&lease_due(due, lease_until)).await;
    let mut leased = leased.map_err(failed)?;
    leased.sort_by_cached_key(|row| {
        let [next_at, id] = [E::NEXT_AT, E::ID].map(|column| {
            let number: Result<Option<i64>, DbErr> = row.try_get("", column.as_str());
            number.ok()
        });
        (next_at, id)
    });
    damage::each_row(&leased, damage::numbered::<E>(), |row| {
        read(damage::model(row)?)
    })
}

/// Returns a statement that leases rows and returns them. PostgreSQL evaluates a common table expression exactly once
/// if it locks rows. A subquery could be evaluated repeatedly, and would then lease more rows than the limit.
pub(crate) fn lease_due<E: Leased>(due: Select<E>, lease_until: Timestamp) -> WithQuery {
    let name = Alias::new("due");
    let mut due_rows = CommonTableExpression::new();
    due_rows
        .table_name(name.clone())
        .query(skipping_locked(due).into_query());
    let due = Query::select().column(E::ID).from(name).to_owned();
    // The version is a fencing token: holders of older leases can no longer record results.
    let lease = E::update_many()
        .col_expr(E::LEASE_UNTIL, Expr::value(lease_until.as_millis()))
        .col_expr(E::VERSION, next_version::<E>())
        .filter(E::ID.in_subquery(due));
    let lease = E::note_expired_lease(lease);
    // With `RETURNING *`, a column that a newer replica adds would change the result of the cached plan, and PostgreSQL
    // would reject the statement (rails/rails#38800).
    let columns = Query::returning().columns(E::Column::iter());
    let lease = lease.into_query().returning(columns).to_owned();
    lease.with(Query::with().cte(due_rows).to_owned())
}

pub(crate) fn skipping_locked<E: Leased>(due: Select<E>) -> Select<E> {
    let mut due = due;
    QuerySelect::query(&mut due).lock_with_tables_behavior(
        LockType::Update,
        [E::default().table_ref()],
        LockBehavior::SkipLocked,
    );
    due
}

/// Counts the rows that a query finds.
pub(crate) async fn counted<E: EntityTrait>(
    db: &impl ConnectionTrait,
    found: Select<E>,
) -> Result<u64, StoreError> {
    let mut count = Query::select();
    count
        .expr_as(Func::count(Expr::val(1)), Alias::new("number"))
        .from_subquery(found.into_query(), Alias::new("found"));
    let row = db.query_one(&count).await.map_err(failed)?;
    let number: Option<i64> = match row {
        Some(row) => row.try_get("", "number").map_err(failed)?,
        None => None,
    };
    Ok(number
        .and_then(|number| number.try_into().ok())
        .unwrap_or(0))
}
