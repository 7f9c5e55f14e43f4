//! The queries for links.

use std::ops::Range;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccountId, AccountKey, ProviderName};
use central_oauth_domain::link::{CodeQuota, Link};
use central_oauth_domain::secret::KeyedHash;
use sea_orm::sea_query::{Alias, CaseStatement, Expr, ExprTrait, JoinType, Order};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    UpdateMany,
};

use crate::claims::{self, Leased};
use crate::convert::row_count;
use crate::damage;
use crate::entities::device_codes::{Column, Entity, State};

/// Selects links that have neither ended nor expired.
pub(crate) fn open_links(now: Timestamp) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::EndedAt.is_null())
        .filter(is_ahead(now))
        .order_by_asc(Column::ExpiresAt)
}

/// Matches links for which [`Link::is_past_deadline`] is false.
fn is_ahead(now: Timestamp) -> Expr {
    let latest = now + Link::LONGEST;
    let ahead = Column::ExpiresAt.gt(now.as_millis());
    ahead.and(Column::ExpiresAt.lte(latest.as_millis()))
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

/// Selects the latest deadline of the links that hold tokens of a person and wait for their return code.
pub(crate) fn held_for(person: &AccountKey, now: Timestamp) -> Select<Entity> {
    Entity::find()
        .select_only()
        .expr(damage::whole(Column::ExpiresAt))
        .filter(Column::EndedAt.is_null())
        .filter(is_ahead(now))
        .filter(Column::State.eq(State::Confirming))
        .filter(Column::Provider.eq(person.provider.as_str()))
        .filter(Column::Person.eq(person.account_id.as_str()))
        .order_by_desc(Column::ExpiresAt)
        .limit(1)
}

/// Selects the times at which a network got the link codes that count towards its quota, the latest first.
pub(crate) fn codes_of(
    network: &KeyedHash,
    quota: CodeQuota,
    counting: &Range<Timestamp>,
) -> Select<Entity> {
    let codes = Entity::find()
        .select_only()
        .expr(damage::whole(Column::CreatedAt))
        .filter(Column::Network.eq(network.as_bytes().to_vec()))
        .filter(Column::CreatedAt.gte(counting.start.as_millis()))
        .filter(Column::CreatedAt.lt(counting.end.as_millis()))
        .order_by_desc(Column::CreatedAt);
    if quota.counts_linked {
        codes
    } else {
        codes.filter(Column::State.ne(State::Linked))
    }
}

/// Selects links that somebody has confirmed and that have neither ended nor expired.
pub(crate) fn consents_in_progress(now: Timestamp) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::ExpiresAt)
        .filter(Column::ConfirmedFrom.is_not_null())
        .filter(Column::EndedAt.is_null())
        .filter(is_ahead(now))
}

/// Like [`consents_in_progress`], for links that one network has confirmed.
pub(crate) fn consents_in_progress_from(network: &KeyedHash, now: Timestamp) -> Select<Entity> {
    consents_in_progress(now).filter(Column::ConfirmedFrom.eq(network.as_bytes().to_vec()))
}

/// Selects links whose poll is due, in the order of [`interleave_networks`]. Leaves out busy providers.
///
/// [`interleave_networks`]: central_oauth_domain::link::interleave_networks
pub(crate) fn due_interleaved(now: Timestamp, limit: u64, busy: &[ProviderName]) -> Select<Entity> {
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
    // PostgreSQL checks this condition again if another transaction has changed a row before this statement locks it.
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

    /// Counts the lost poll as a failure.
    fn note_expired_lease(claim: UpdateMany<Self>) -> UpdateMany<Self> {
        let failures = Expr::col(Column::PollFailures);
        let is_lost = Expr::col(Column::LeaseUntil).is_not_null();
        let is_lost = is_lost.and(Expr::col(Column::PollFailures).lt(i64::from(u32::MAX)));
        let failures = CaseStatement::new()
            .case(is_lost, failures.clone().add(1))
            .finally(failures);
        claim.col_expr(Column::PollFailures, failures.into())
    }
}

pub(crate) fn ended_without_account(before: Timestamp) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::EndedAt)
        .filter(Column::EndedAt.lt(before.as_millis()))
        .filter(Column::EndedAt.is_not_null())
        .filter(Column::AccountId.is_null())
}

pub(crate) fn ran_out_before(moment: Timestamp) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::ExpiresAt)
        .filter(ran_out(moment))
}

/// Matches links that expired before `moment`. Leaves out links with a lease or with tokens, which do not expire by
/// themselves.
fn ran_out(moment: Timestamp) -> Condition {
    let moment = moment.as_millis();
    let not_leased = Condition::any()
        .add(Column::LeaseUntil.is_null())
        .add(Column::LeaseUntil.lt(moment));
    Condition::all()
        .add(Column::EndedAt.is_null())
        .add(Column::ExpiresAt.lt(moment))
        .add(Column::State.is_not_in([State::Redeemed, State::Confirming]))
        .add(not_leased)
}

/// Selects links that ended before `ended`, and links that ended or expired without an account before `left_over`.
/// `left_over` must not be earlier than `ended`.
pub(crate) fn over_before(ended: Timestamp, left_over: Timestamp) -> Select<Entity> {
    let has_ended = Condition::all()
        .add(Column::EndedAt.lt(left_over.as_millis()))
        .add(
            Condition::any()
                .add(Column::AccountId.is_null())
                .add(Column::EndedAt.lt(ended.as_millis())),
        );
    Entity::find()
        .select_only()
        .columns([Column::Id, Column::AccessKeyId])
        .filter(Condition::any().add(has_ended).add(ran_out(left_over)))
}
