//! Locks between transactions. PostgreSQL needs them, because its transactions run concurrently. Each lock is held
//! until its transaction ends. SQLite has only one writer at a time.

use std::time::Duration;

use central_oauth_domain::grant::{AccountId, ProviderName};
use central_oauth_domain::ports::StoreError;
use sea_orm::sea_query::LockType;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select, Statement, Value,
};

use crate::database::{NO_TIMEOUTS, Session};
use crate::entities::{Table, access_keys, accounts, device_codes, tokens};
use crate::error::failed;
use crate::statements::finds_any;

/// A process that is migrating the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrating {
    /// The IP address of the process; `None` if it uses a Unix socket.
    pub address: Option<String>,
    /// How long the process has been migrating.
    pub since: Duration,
}

/// The class of our advisory locks, which distinguishes them from other locks in the same database.
const CLASS: i32 = 0x0CEA_0A17;
const MIGRATIONS: i32 = 0;
// 2 was the lock of housekeeping in earlier versions.
const COPYING: i32 = 3;

/// Work that only one transaction may do at a time.
#[derive(Clone, Copy)]
pub(crate) enum Alone {
    /// Counting links before one is added.
    NewLinks = 1,
    /// Counting wrong codes before an attempt.
    Guesses = 4,
    /// Counting consents in progress before one is added.
    Consents = 5,
    /// Numbering and deleting audit entries.
    Audit = 6,
}

/// Takes the lock for migrations, and sets the timeouts of a migration. Its statements may take long, but it waits at
/// most 1 s for a table lock, for example while a backup holds one. All later reads and writes of the table queue
/// behind a waiting migration.
pub(crate) async fn migrations(session: &Session) -> Result<(), DbErr> {
    let db = &session.unwatched()?;
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    db.execute_unprepared(NO_TIMEOUTS).await?;
    advisory(db, MIGRATIONS).await?;
    db.execute_unprepared("SET LOCAL lock_timeout = '1s'")
        .await
        .map(drop)
}

/// Returns the process that is migrating, if any. Always `None` on SQLite.
pub(crate) async fn migrating(db: &impl ConnectionTrait) -> Result<Option<Migrating>, DbErr> {
    let backend = db.get_database_backend();
    if backend != DbBackend::Postgres {
        return Ok(None);
    }
    // `pg_locks` shows the two numbers of the lock as unsigned.
    let sql = "SELECT host(activity.client_addr) AS address, \
               (extract(epoch FROM clock_timestamp() - activity.xact_start) * 1000)::bigint AS millis \
               FROM pg_locks AS locks JOIN pg_stat_activity AS activity ON activity.pid = locks.pid \
               WHERE locks.locktype = 'advisory' AND locks.granted \
               AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
               AND locks.classid::bigint = $1 AND locks.objid::bigint = $2";
    let values = [i64::from(CLASS), i64::from(MIGRATIONS)].map(Value::from);
    let question = Statement::from_sql_and_values(backend, sql, values);
    let Some(row) = db.query_one_raw(question).await? else {
        return Ok(None);
    };
    let millis: Option<i64> = row.try_get("", "millis")?;
    let millis = millis.unwrap_or_default().try_into().unwrap_or_default();
    Ok(Some(Migrating {
        address: row.try_get("", "address")?,
        since: Duration::from_millis(millis),
    }))
}

/// Takes the copy lock exclusively. Returns false if another copy is running or a service is starting.
pub(crate) async fn copying(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    at_once(db, "pg_try_advisory_xact_lock").await
}

/// Takes the copy lock in shared mode, which locks out copies. Returns false if a copy is running.
pub(crate) async fn not_copying(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    at_once(db, "pg_try_advisory_xact_lock_shared").await
}

async fn at_once(db: &impl ConnectionTrait, lock: &str) -> Result<bool, DbErr> {
    let backend = db.get_database_backend();
    if backend != DbBackend::Postgres {
        return Ok(true);
    }
    let sql = format!("SELECT {lock}($1, $2) AS locked");
    let lock = Statement::from_sql_and_values(backend, sql, [CLASS.into(), COPYING.into()]);
    match db.query_one_raw(lock).await? {
        Some(row) => row.try_get("", "locked"),
        None => Ok(false),
    }
}

/// Waits until no other transaction does this work.
pub(crate) async fn alone(db: &impl ConnectionTrait, work: Alone) -> Result<(), StoreError> {
    advisory(db, work as i32).await.map_err(failed)
}

/// Locks out other transactions that create accounts at this provider. The result of a check whether a person has an
/// account then stays valid until the transaction ends. Take this lock before all others, so that no transaction waits
/// for it while holding a row lock.
pub(crate) async fn persons(
    db: &impl ConnectionTrait,
    provider: &ProviderName,
) -> Result<(), StoreError> {
    // Not in `CLASS`, because the hash of a name could equal the number of a lock there.
    let sql = "SELECT pg_advisory_xact_lock($1, hashtext($2))";
    let provider = provider.as_str().into();
    lock(db, sql, [(CLASS + 1).into(), provider])
        .await
        .map_err(failed)
}

async fn advisory(db: &impl ConnectionTrait, what: i32) -> Result<(), DbErr> {
    let sql = "SELECT pg_advisory_xact_lock($1, $2)";
    lock(db, sql, [CLASS.into(), what.into()]).await
}

/// Takes an advisory lock on PostgreSQL. SQLite needs none, because it has one writer at a time.
async fn lock(db: &impl ConnectionTrait, sql: &str, values: [Value; 2]) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    if backend != DbBackend::Postgres {
        return Ok(());
    }
    let lock = Statement::from_sql_and_values(backend, sql, values);
    db.query_one_raw(lock).await.map(drop)
}

/// Locks the tokens of an account, so that nobody changes them between a read and a write. Take this lock before
/// writing the account's own row.
pub(crate) async fn tokens_of(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<(), StoreError> {
    let tokens = tokens::Entity::find().filter(tokens::Column::AccountId.eq(account.0));
    finds_any(db, tokens.lock_exclusive()).await.map(drop)
}

/// Locks an account before its keys change.
pub(crate) async fn account(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<(), StoreError> {
    let account = accounts::Entity::find_by_id(account.0).lock_exclusive();
    finds_any(db, account).await.map(drop)
}

/// Locks the keys and links of an account in the order of their ids. Otherwise the deletion of the account would lock
/// them in an arbitrary order.
pub(crate) async fn keys_and_links_of(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<(), StoreError> {
    let keys = access_keys::Entity::find().filter(access_keys::Column::AccountId.eq(account.0));
    in_order(db, keys).await?;
    let of_its_keys = access_keys::Entity::find()
        .select_only()
        .column(access_keys::Column::Id)
        .filter(access_keys::Column::AccountId.eq(account.0));
    let of_account = Condition::any()
        .add(device_codes::Column::AccountId.eq(account.0))
        .add(device_codes::Column::RelinkOf.eq(account.0))
        .add(device_codes::Column::AccessKeyId.in_subquery(of_its_keys.into_query()));
    let links = device_codes::Entity::find().filter(of_account);
    in_order(db, links).await
}

/// Locks rows of a table in the order of their ids, to avoid deadlocks.
pub(crate) async fn in_order<E: Table>(
    db: &impl ConnectionTrait,
    rows: Select<E>,
) -> Result<(), StoreError> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let rows = rows
        .select_only()
        .column(E::ID)
        .order_by_asc(E::ID)
        .lock(LockType::NoKeyUpdate);
    let locked = rows.into_tuple::<i64>().all(db).await;
    locked.map(drop).map_err(failed)
}

/// Locks an account that a new row will reference. Take this lock before you lock other referenced rows, because the
/// deletion of an account locks them in this order.
pub(crate) async fn parent(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<(), StoreError> {
    let parent = accounts::Entity::find_by_id(account.0).lock(LockType::KeyShare);
    finds_any(db, parent).await.map(drop)
}
