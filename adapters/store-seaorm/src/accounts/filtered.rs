use central_oauth_domain::grant::{AccountFilter, AccountId, AccountStatus, StatusAsOf};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::shown::{has_ended, waits};
use crate::convert::row_count;
use crate::entities::accounts::{self, Status};
use crate::entities::{account_labels, tokens};

/// Selects the accounts after `after` that match the filter, joined with their tokens. The indexes of labels, status
/// and provider end with the account's id, so the database reads a page in index order.
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

fn is_shown_as(wanted: &StatusAsOf) -> Condition {
    let down = wanted.outages.iter().map(|outage| outage.provider.as_str());
    let down = Vec::from_iter(down);
    let stored = |status| Condition::all().add(accounts::Column::Status.eq(status));
    match wanted.status {
        AccountStatus::Active => stored(Status::Active)
            .add(has_ended(wanted.now).not())
            .add(waits(wanted.now, &down).not()),
        // Without an outage, this condition suffices, and the database can use its index.
        AccountStatus::Degraded if down.is_empty() => stored(Status::Degraded),
        AccountStatus::Degraded => Condition::any()
            .add(stored(Status::Degraded))
            .add(waits(wanted.now, &down)),
        AccountStatus::RelinkRequired => Condition::any()
            .add(stored(Status::RelinkRequired))
            .add(has_ended(wanted.now)),
    }
}
