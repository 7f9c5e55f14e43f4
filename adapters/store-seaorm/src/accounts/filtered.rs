use central_oauth_domain::grant::{AccountFilter, AccountId, AccountStatus, StatusAsOf};
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::convert::row_count;
use crate::entities::accounts::{self, Status};
use crate::entities::{account_labels, tokens};

/// Returns the accounts after `after` that the filter admits, joined with their tokens. The indexes of labels, status
/// and provider end with the number of the account, so a page is read in index order.
pub(crate) fn matching(
    filter: &AccountFilter,
    after: Option<AccountId>,
    limit: u64,
) -> Select<accounts::Entity> {
    let after = after.map_or(0, |after| after.0);
    let query = accounts::Entity::find().inner_join(tokens::Entity);
    let query = match &filter.label {
        Some(label) => query
            .inner_join(account_labels::Entity)
            .filter(account_labels::Column::Name.eq(&label.name))
            .filter(account_labels::Column::Value.eq(&label.value))
            .filter(account_labels::Column::AccountId.gt(after))
            .order_by_asc(account_labels::Column::AccountId),
        None => query
            .filter(accounts::Column::Id.gt(after))
            .order_by_asc(accounts::Column::Id),
    };
    let provider = filter.provider.as_ref();
    let wanted = Condition::all()
        .add_option(provider.map(|name| accounts::Column::Provider.eq(name.as_str())))
        .add_option(filter.status.as_ref().map(is_shown_as));
    query.filter(wanted).limit(row_count(limit))
}

/// The rule of `Account::as_of`, in SQL.
fn is_shown_as(wanted: &StatusAsOf) -> Condition {
    let now = wanted.now.as_millis();
    let outages = wanted.outages.iter().map(|outage| outage.provider.as_str());
    let outages = Vec::from_iter(outages);
    let stored = |status| accounts::Column::Status.eq(status);
    let due = tokens::Column::NextRefreshAt;
    let end = tokens::Column::AccessTokenExpiresAt;
    match wanted.status {
        AccountStatus::Active => {
            let none_waits = Condition::any()
                .add(accounts::Column::Provider.is_not_in(outages))
                .add(due.is_null())
                .add(due.gt(now));
            let none_is_over = due.is_not_null().or(end.is_null()).or(end.gt(now));
            Condition::all()
                .add(stored(Status::Active))
                .add(none_waits)
                .add(none_is_over)
        }
        AccountStatus::Degraded if outages.is_empty() => {
            Condition::all().add(stored(Status::Degraded))
        }
        AccountStatus::Degraded => {
            let waits = Condition::all()
                .add(stored(Status::Active))
                .add(accounts::Column::Provider.is_in(outages))
                .add(due.lte(now));
            Condition::any().add(stored(Status::Degraded)).add(waits)
        }
        AccountStatus::RelinkRequired => {
            let is_over = Condition::all()
                .add(stored(Status::Active))
                .add(due.is_null())
                .add(end.lte(now));
            Condition::any()
                .add(stored(Status::RelinkRequired))
                .add(is_over)
        }
    }
}
