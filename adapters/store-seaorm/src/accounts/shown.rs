//! The rules of `Account::as_of` in SQL: which accounts are shown with a status other than the stored one. No condition
//! is ever NULL, so all of them can be negated.

use central_oauth_domain::Timestamp;
use sea_orm::{ColumnTrait, Condition};

use crate::entities::accounts::{self, Status};
use crate::entities::tokens::Column;

/// Matches active accounts whose grant has ended: the last access token has expired, and no refresh is planned.
pub(crate) fn has_ended(now: Timestamp) -> Condition {
    Condition::all()
        .add(accounts::Column::Status.eq(Status::Active))
        .add(Column::NextRefreshAt.is_null())
        .add(Column::AccessTokenExpiresAt.is_not_null())
        .add(Column::AccessTokenExpiresAt.lte(now.as_millis()))
}

/// Matches active accounts whose refresh is due and whose provider is in `down`, the list of providers with an outage.
pub(crate) fn waits(now: Timestamp, down: &[&str]) -> Condition {
    Condition::all()
        .add(accounts::Column::Status.eq(Status::Active))
        .add(accounts::Column::Provider.is_in(down.iter().copied()))
        .add(Column::NextRefreshAt.is_not_null())
        .add(Column::NextRefreshAt.lte(now.as_millis()))
}
