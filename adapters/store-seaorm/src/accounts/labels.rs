use std::collections::BTreeMap;

use central_oauth_domain::Labels;
use central_oauth_domain::grant::AccountId;
use central_oauth_domain::ports::StoreError;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Select};

use crate::damage;
use crate::entities::account_labels::{ActiveModel, Column, Entity};
use crate::statements::insert_unless_taken;

/// Returns the labels of these accounts. Leaves out accounts without labels.
pub(super) async fn read(
    db: &impl ConnectionTrait,
    accounts: &[AccountId],
) -> Result<BTreeMap<AccountId, Labels>, StoreError> {
    let mut labels: BTreeMap<AccountId, Vec<(String, String)>> = BTreeMap::new();
    for row in damage::readable(db, labels_of(accounts)).await? {
        let account = labels.entry(AccountId(row.account_id)).or_default();
        account.push((row.name, row.value));
    }
    let labels = labels.into_iter();
    Ok(labels.map(|(id, all)| (id, Labels::stored(all))).collect())
}

pub(crate) fn labels_of(accounts: &[AccountId]) -> Select<Entity> {
    let ids = accounts.iter().map(|account| account.0);
    Entity::find().filter(Column::AccountId.is_in(ids))
}

/// Adds the labels of a link to an account, by the rule of [`Labels::added_by`]. The caller must hold `locks::persons`.
pub(crate) async fn add(
    db: &impl ConnectionTrait,
    account: AccountId,
    later: &Labels,
) -> Result<(), StoreError> {
    if later.is_empty() {
        return Ok(());
    }
    let kept = read(db, &[account]).await?.remove(&account);
    let rows = kept.unwrap_or_default().added_by(later).into_iter();
    let rows = rows.map(|(name, value)| ActiveModel {
        id: NotSet,
        account_id: Set(account.0),
        name: Set(name),
        value: Set(value),
    });
    let rows = Vec::from_iter(rows);
    if rows.is_empty() {
        return Ok(());
    }
    // `read` leaves out unreadable labels. A new label with the name of an unreadable label is skipped here.
    let added = insert_unless_taken(db, rows, [Column::AccountId, Column::Name]);
    added.await.map(drop)
}
