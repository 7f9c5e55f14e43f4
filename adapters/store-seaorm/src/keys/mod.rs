mod macs;

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{AuditDraft, AuditEvent};
use central_oauth_domain::clock_step::MAX_CLOCK_DIFFERENCE;
use central_oauth_domain::grant::{
    AccessKeyId, AccountId, AccountKey, KeyBinding, KeyHolder, KeyMaker, KeyRecord, NewKey,
    ProviderName,
};
use central_oauth_domain::link::Link;
use central_oauth_domain::ports::{Descendants, KeyCreation, KeyStore, StoreError};
use central_oauth_domain::secret::KeyedHash;
use central_oauth_domain::vault::RowMacs;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, Select, SelectThree, TopologyStar, UpdateMany,
};

use crate::convert::{key_holder, key_record, row_count, to_account};
use crate::damage::Numbered;
use crate::entities::access_keys::{ActiveModel, Column, Entity, Model};
use crate::entities::{accounts, device_codes};
use crate::error::failed;
use crate::statements::finds_any;
use crate::store::SeaOrmStore;
use crate::{audit, damage, locks, workloads};

pub(crate) use macs::{complete, insert_inert};

/// The id of a new key, until the database assigns one.
const UNNUMBERED: AccessKeyId = AccessKeyId(0);

#[async_trait]
impl KeyStore for SeaOrmStore {
    async fn find_key(&self, key: &KeyedHash) -> Result<Option<KeyHolder>, StoreError> {
        let db = &self.read().await?;
        let found = damage::one(db, &with_hash(key), NUMBERED, key_holder_of).await?;
        Ok(found.flatten())
    }

    async fn keys(
        &self,
        account: AccountId,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<Vec<KeyRecord>, StoreError> {
        let (db, after) = (&self.read().await?, after.map(|after| after.0));
        let read = |row| Ok(key_record(row)?);
        damage::page_of(db, keys_of(account), after, limit, read).await
    }

    async fn create_key(
        &self,
        key: NewKey,
        most: u64,
        macs: &RowMacs,
        audit: AuditDraft,
    ) -> Result<KeyCreation, StoreError> {
        let write = self.write().await?;
        let account = key.account;
        let created = insert_reader(&write, key, most, macs).await?;
        if let KeyCreation::Created(record) = &created {
            let event = AuditEvent::key_created(account, record);
            audit::store(&write, &[audit.entry(event)]).await?;
        }
        write.commit().await?;
        Ok(created)
    }

    async fn delete_key(
        &self,
        account: AccountId,
        key: AccessKeyId,
        with: Descendants,
        audit: AuditDraft,
    ) -> Result<Vec<AccessKeyId>, StoreError> {
        let write = self.write().await?;
        // Nobody creates a key meanwhile, because `insert_reader` takes the same lock.
        locks::account(&write, account).await?;
        let gone = to_delete(&write, account, key, with).await?;
        if gone.is_empty() {
            return Ok(gone);
        }
        // Locks the rows in the same order as `note_key_uses`, to avoid deadlocks.
        for gone in gone.chunks(DELETED_AT_ONCE) {
            let numbers = gone.iter().map(|key| key.0);
            let rows = Entity::find().filter(Column::Id.is_in(numbers.clone()));
            locks::in_order(&write, rows).await?;
            let deleted = Entity::delete_many().filter(Column::Id.is_in(numbers));
            deleted.exec(&write).await.map_err(failed)?;
        }
        audit::store(&write, &audit.keys_deleted(account, &gone)).await?;
        write.commit().await?;
        Ok(gone)
    }

    async fn purge_keys(
        &self,
        expired_before: Timestamp,
        limit: u64,
        audit: AuditDraft,
    ) -> Result<u64, StoreError> {
        let write = self.write().await?;
        let gone = expired(expired_before, limit).into_tuple::<(i64, i64)>();
        let gone = gone.all(&write).await.map_err(failed)?;
        if gone.is_empty() {
            return Ok(0);
        }
        let numbers = gone.iter().map(|(_, key)| *key);
        let deletion = Entity::delete_many().filter(Column::Id.is_in(numbers));
        let deleted = deletion.exec(&write).await.map_err(failed)?;
        let gone = gone.into_iter();
        let gone: Vec<_> = gone.map(|(a, k)| (AccountId(a), AccessKeyId(k))).collect();
        audit::store(&write, &audit.expired_keys_deleted(&gone)).await?;
        write.commit().await?;
        Ok(deleted.rows_affected)
    }

    async fn keys_without_mac(
        &self,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<Vec<KeyHolder>, StoreError> {
        // A key whose link was purged gives access to nothing, and gets no MAC.
        let opens_something = Condition::any()
            .add(Column::AccountId.is_not_null())
            .add(device_codes::Column::Id.is_not_null());
        let rows = with_binding()
            .filter(Column::Mac.is_null())
            .filter(Column::Id.gt(after.map_or(0, |after| after.0)))
            .filter(opens_something)
            .order_by_asc(Column::Id)
            .limit(row_count(limit));
        let db = &self.read().await?;
        let found = damage::each_of(db, &rows, NUMBERED, key_holder_of).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn store_key_macs(&self, keys: &[KeyHolder]) -> Result<u64, StoreError> {
        let write = self.write().await?;
        let mut kept = 0;
        for key in keys {
            let changed = macs::store_mac(key).exec(&write).await;
            kept += changed.map_err(failed)?.rows_affected;
        }
        write.commit().await?;
        Ok(kept)
    }

    async fn note_key_uses(
        &self,
        uses: &[(AccessKeyId, Timestamp)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // The batches are small, because other transactions wait for these rows.
        for uses in uses.chunks(USES_AT_ONCE) {
            let write = self.write().await?;
            // Locks the rows in the order of their ids, like the deletion of an account, to avoid deadlocks.
            let keys = uses.iter().map(|(key, _)| key.0);
            locks::in_order(&write, Entity::find().filter(Column::Id.is_in(keys))).await?;
            for (key, at) in uses {
                let noted = note_use(*key, *at, now).exec(&write).await;
                noted.map_err(failed)?;
            }
            write.commit().await?;
        }
        Ok(())
    }
}

/// The table and the id column of a query for keys and joined tables.
const NUMBERED: Numbered = Numbered {
    table: "access_keys",
    number: "A_id",
};

/// Reads a row of [`with_binding`].
fn key_holder_of(row: &QueryResult) -> Result<Option<KeyHolder>, StoreError> {
    holder(row, ["A_", "B_", "C_"])
}

/// Returns a key with its binding, or `None` if its link was purged. The array contains the prefixes of the columns of
/// the key, its account and its link. One statement must read all three, because a link may be completed at any time.
pub(crate) fn holder(
    row: &QueryResult,
    [key, account, link]: [&str; 3],
) -> Result<Option<KeyHolder>, StoreError> {
    let key = Model::from_query_result(row, key).map_err(failed)?;
    let binding = match damage::joined(row, account)? {
        Some(owner) => to_account(owner),
        None => match damage::joined::<device_codes::Model>(row, link)? {
            Some(link) => KeyBinding::Link(Box::new(Link::try_from(link)?)),
            None => return Ok(None),
        },
    };
    Ok(Some(key_holder(&key, binding)?))
}

/// Stores an additional key of an account with its workload, if any.
async fn insert_reader(
    db: &impl ConnectionTrait,
    key: NewKey,
    most: u64,
    macs: &RowMacs,
) -> Result<KeyCreation, StoreError> {
    let person = accounts::Entity::find_by_id(key.account.0)
        .select_only()
        .columns([accounts::Column::Provider, accounts::Column::AccountId])
        .lock_exclusive()
        .into_tuple::<(String, String)>();
    let person = person.one(db).await.map_err(failed)?;
    let (provider, account_id) = person.ok_or(StoreError::Conflict)?;
    let person = AccountKey {
        provider: ProviderName::new(provider),
        account_id,
    };
    if let KeyMaker::Key(maker) = key.maker {
        require_genuine(db, maker, key.account, &person, macs).await?;
    }
    if is_full(db, key.account, most, key.created_at).await? {
        return Ok(KeyCreation::Full);
    }
    let holder = key.holder(UNNUMBERED, person);
    let (name, now) = (Some(key.name), key.created_at);
    let row = macs::insert(db, holder, name, now, macs).await?;
    if let Some(workload) = key.workload {
        workloads::insert(db, AccessKeyId(row.id), workload).await?;
    }
    Ok(KeyCreation::Created(key_record(row)?))
}

/// Returns `key` if it belongs to the account, and on request the keys that `key` has created.
async fn to_delete(
    db: &impl ConnectionTrait,
    account: AccountId,
    key: AccessKeyId,
    with: Descendants,
) -> Result<Vec<AccessKeyId>, StoreError> {
    match require(db, key, account).await {
        Err(StoreError::Conflict) => return Ok(Vec::new()),
        required => required?,
    }
    if with == Descendants::Kept {
        return Ok(vec![key]);
    }
    let made = Column::CreatedBy.eq(KeyMaker::Key(key).to_string());
    let gone = Condition::any().add(Column::Id.eq(key.0)).add(made);
    let rows = keys_of(account).filter(gone).order_by_asc(Column::Id);
    // The ids can be read even if the rows are damaged.
    let rows = rows.select_only().column(Column::Id).into_tuple::<i64>();
    let rows = rows.all(db).await.map_err(failed)?.into_iter();
    Ok(rows.map(AccessKeyId).collect())
}

/// How many keys one statement deletes. SQLite accepts 32,766 values in a statement.
const DELETED_AT_ONCE: usize = 1_000;
/// How many uses are recorded in one transaction.
const USES_AT_ONCE: usize = 100;

pub(crate) fn keys_of(account: AccountId) -> Select<Entity> {
    Entity::find().filter(Column::AccountId.eq(account.0))
}

/// Whether an account already has `most` keys that have not expired. Looks for the `most`th key instead of counting them
/// all.
async fn is_full(
    db: &impl ConnectionTrait,
    account: AccountId,
    most: u64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(others) = most.checked_sub(1) else {
        return Ok(true);
    };
    let keys = keys_of(account).filter(not_expired(now));
    let last = keys.order_by_asc(Column::Id);
    finds_any(db, last.offset(row_count(others))).await
}

/// Selects and locks expired keys with their accounts. Leaves out keys that another transaction has locked. Also leaves
/// out keys with links, because the links would be deleted too.
pub(crate) fn expired(expired_before: Timestamp, limit: u64) -> Select<Entity> {
    let of_key = Expr::col((device_codes::Entity, device_codes::Column::AccessKeyId))
        .eq(Expr::col((Entity, Column::Id)));
    let links = Query::select()
        .expr(Expr::val(1))
        .from(device_codes::Entity)
        .and_where(of_key)
        .to_owned();
    Entity::find()
        .select_only()
        .columns([Column::AccountId, Column::Id])
        .filter(Column::ExpiresAt.lt(expired_before.as_millis()))
        .filter(Column::AccountId.is_not_null())
        .filter(Expr::exists(links).not())
        .limit(row_count(limit))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
}

/// Matches keys that have not expired.
pub(crate) fn not_expired(now: Timestamp) -> Condition {
    Condition::any()
        .add(Column::ExpiresAt.is_null())
        .add(Column::ExpiresAt.gt(now.as_millis()))
}

/// Records a use by the rule of [`last_use`](central_oauth_domain::clock_step::last_use).
pub(crate) fn note_use(key: AccessKeyId, at: Timestamp, now: Timestamp) -> UpdateMany<Entity> {
    let was_ahead = Column::LastUsedAt.gt((now + MAX_CLOCK_DIFFERENCE).as_millis());
    let at = at.as_millis();
    let is_last = Condition::any()
        .add(Column::LastUsedAt.is_null())
        .add(Column::LastUsedAt.lt(at))
        .add(was_ahead);
    let used = ActiveModel {
        last_used_at: Set(Some(at)),
        ..Default::default()
    };
    Entity::update_many()
        .set(used)
        .filter(Column::Id.eq(key.0))
        .filter(is_last)
}

/// Keys joined with their account, or with their link while they have no account.
type WithBinding = SelectThree<Entity, accounts::Entity, device_codes::Entity, TopologyStar>;

fn with_binding() -> WithBinding {
    Entity::find()
        .find_also_related(accounts::Entity)
        .find_also_related(device_codes::Entity)
}

pub(crate) fn with_hash(hash: &KeyedHash) -> WithBinding {
    with_binding().filter(Column::Hash.eq(hash.as_bytes().to_vec()))
}

pub(crate) fn links_of(key: AccessKeyId) -> Select<device_codes::Entity> {
    device_codes::Entity::find().filter(device_codes::Column::AccessKeyId.eq(key.0))
}

/// Fails with a conflict unless the key still belongs to this account.
pub(crate) async fn require(
    db: &impl ConnectionTrait,
    key: AccessKeyId,
    account: AccountId,
) -> Result<(), StoreError> {
    let row = keys_of(account).filter(Column::Id.eq(key.0));
    let is_there = finds_any(db, row).await?;
    is_there.then_some(()).ok_or(StoreError::Conflict)
}

/// Like [`require`], and also checks the MAC of the key's row. The MAC covers the person of the account, to whom a new
/// key will be bound.
async fn require_genuine(
    db: &impl ConnectionTrait,
    key: AccessKeyId,
    account: AccountId,
    person: &AccountKey,
    macs: &RowMacs,
) -> Result<(), StoreError> {
    let row = keys_of(account).filter(Column::Id.eq(key.0));
    let row = row.one(db).await.map_err(failed)?;
    let row = row.ok_or(StoreError::Conflict)?;
    let binding = KeyBinding::Account {
        id: account,
        person: person.clone(),
    };
    let is_genuine = macs.is_genuine(&key_holder(&row, binding)?);
    is_genuine.then_some(()).ok_or(StoreError::Conflict)
}
