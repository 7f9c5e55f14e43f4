//! Finds the keys that sealed values need, and re-encrypts the values.

use std::collections::BTreeSet;

use async_trait::async_trait;
use central_oauth_domain::ports::{
    DamagedRow, OwnerKind, Resealing, SealStore, SealedRow, SealedTo, StoreError,
};
use central_oauth_domain::secret::{SealId, Sealed};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, SelectTwo, Statement,
};

use crate::convert::row_count;
use crate::copy::tables::is_empty;
use crate::database::Session;
use crate::entities::{accounts, device_codes, revocations, service_keys, tokens};
use crate::error::failed;
use crate::sealed_rows::{Found, Sealing, page, read_tokens, replace, starts};
use crate::store::SeaOrmStore;
use crate::{damage, hash_key, locks};

#[async_trait]
impl SealStore for SeaOrmStore {
    async fn hash_key(&self) -> Result<Option<Sealed>, StoreError> {
        let session = self.read().await?;
        refuse_read_only(&session).await.map_err(failed)?;
        hash_key::read(&session).await.map_err(failed)
    }

    async fn init_hash_key(&self, candidate: Sealed) -> Result<Sealed, StoreError> {
        let write = self.write().await?;
        if let Some(kept) = hash_key::read(&write).await.map_err(failed)? {
            return Ok(kept);
        }
        let nobody_copies = locks::not_copying(&write).await.map_err(failed)?;
        // Reads the hash key after the rows, because a service stores its hash key before any row.
        let is_new = is_empty(&write).await?;
        let kept = hash_key::read(&write).await.map_err(failed)?;
        if kept.is_none() && !(nobody_copies && is_new) {
            return Err(StoreError::Conflict);
        }
        let kept = hash_key::init(&write, &candidate).await?;
        write.commit().await?;
        Ok(kept)
    }

    async fn replace_hash_key(&self, seen: &Sealed, by: &Sealed) -> Result<bool, StoreError> {
        let replacing = service_keys::Entity::update_many()
            .col_expr(service_keys::Column::HashKey, by.as_bytes().to_vec().into())
            .filter(service_keys::Column::Id.eq(hash_key::ONLY_ROW))
            .filter(service_keys::Column::HashKey.eq(seen.as_bytes().to_vec()));
        Ok(self.run(&replacing).await? > 0)
    }

    async fn seals_in_use(&self) -> Result<BTreeSet<SealId>, StoreError> {
        seals_in_use(&self.read().await?).await
    }

    async fn rows_sealed_otherwise(
        &self,
        owners: OwnerKind,
        current: SealId,
        after: i64,
        limit: u64,
    ) -> Result<Vec<Result<SealedRow, DamagedRow>>, StoreError> {
        let db = &self.read().await?;
        match owners {
            OwnerKind::Account => tokens_sealed_otherwise(db, current, after, limit).await,
            owners => page(db, owners, Some(current), after, limit).await,
        }
    }

    async fn reseal(&self, rows: &[Resealing]) -> Result<u64, StoreError> {
        let write = self.write().await?;
        let mut changed = 0;
        for row in rows.iter().filter(|row| !row.values.is_empty()) {
            changed += reseal_row(&write, row).await.map_err(failed)?;
        }
        write.commit().await?;
        Ok(changed)
    }
}

/// Fails if the PostgreSQL server is read-only, for example a standby after a failover, or if the role lacks
/// permissions. Such a server answers queries but stores nothing. The health check reads the hash key, so it fails too.
async fn refuse_read_only(session: &Session) -> Result<(), DbErr> {
    let backend = session.get_database_backend();
    if backend != DbBackend::Postgres {
        return Ok(());
    }
    let answer = session.query_one_raw(Statement::from_string(backend, WRITABLE));
    let Some(answer) = answer.await? else {
        return Ok(());
    };
    if answer.try_get("", "is_read_only")? {
        let reason =
            "the database takes no writes: it is a standby, or default_transaction_read_only is on";
        return Err(DbErr::Custom(reason.to_owned()));
    }
    let missing: Option<String> = answer.try_get("", "missing")?;
    missing.map_or(Ok(()), |missing| {
        let reason = format!("the database role has no permission for {missing}");
        Err(DbErr::Custom(reason))
    })
}

/// Reads whether the server accepts writes, and which permission is missing. Checks only tables that all versions have.
const WRITABLE: &str = "SELECT current_setting('transaction_read_only') = 'on' AS is_read_only, \
    (SELECT min(permission || ' on ' || relname) \
     FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS permission \
     WHERE relname IN ('accounts', 'tokens', 'access_keys', 'device_codes', 'revocations') \
     AND relkind IN ('r', 'p') AND pg_table_is_visible(pg_class.oid) \
     AND NOT has_table_privilege(pg_class.oid, permission)) AS missing";

/// Returns the headers of all sealed values, which name the keys in use. Reads the tables in the order in which tokens
/// move between them, so that no token is missed.
pub(crate) async fn seals_in_use(
    db: &impl ConnectionTrait,
) -> Result<BTreeSet<SealId>, StoreError> {
    let mut seals = BTreeSet::new();
    seals.extend(read_starts::<service_keys::Entity>(db).await?);
    seals.extend(read_starts::<device_codes::Entity>(db).await?);
    let of_tokens = seals_of_tokens(db).await?;
    seals.extend(of_tokens.iter().flat_map(|seals| seal_ids(seals)).flatten());
    seals.extend(read_starts::<revocations::Entity>(db).await?);
    Ok(seals)
}

async fn read_starts<E: Sealing>(
    db: &impl ConnectionTrait,
) -> Result<BTreeSet<SealId>, StoreError> {
    let mut seals = BTreeSet::new();
    for row in damage::raw(db, &starts::<E>()).await? {
        for n in 0..E::SEALED.len() {
            let start: Option<Vec<u8>> = row.try_get_by_index(n).map_err(failed)?;
            seals.extend(start.and_then(|start| Sealed::from_bytes(start).seal_id()));
        }
    }
    Ok(seals)
}

/// Returns the distinct values of `tokens.sealed_with`. There are few, so each query skips to the next value in an
/// index.
async fn seals_of_tokens(db: &impl ConnectionTrait) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut found = Vec::<Vec<u8>>::new();
    loop {
        let next = next_seals(found.last()).into_tuple::<Vec<u8>>();
        let Some(next) = next.one(db).await.map_err(failed)? else {
            return Ok(found);
        };
        found.push(next);
    }
}

pub(crate) fn next_seals(last: Option<&Vec<u8>>) -> Select<tokens::Entity> {
    let later = last.map(|last| tokens::Column::SealedWith.gt(last.clone()));
    tokens::Entity::find()
        .select_only()
        .column(tokens::Column::SealedWith)
        .filter(later.unwrap_or_else(|| tokens::Column::SealedWith.is_not_null()))
        .order_by_asc(tokens::Column::SealedWith)
        .limit(1)
}

/// Splits a value of `tokens.sealed_with` into headers; `None` for a header that is too short. Ignores a third header:
/// it belongs to a spare refresh token of an older version, which nobody reads.
fn seal_ids(seals: &[u8]) -> impl Iterator<Item = Option<SealId>> {
    let starts = seals.chunks(SealId::LENGTH).take(2);
    starts.map(|start| start.try_into().ok().map(SealId))
}

/// Returns tokens that are sealed with a key other than `current`. Runs one query for each value of
/// `tokens.sealed_with` that names another key, because a query for one value can use an index.
async fn tokens_sealed_otherwise(
    db: &impl ConnectionTrait,
    current: SealId,
    after: i64,
    limit: u64,
) -> Result<Vec<Found>, StoreError> {
    let mut found = Vec::new();
    for seals in seals_of_tokens(db).await? {
        if seal_ids(&seals).all(|key| key == Some(current)) {
            continue;
        }
        found.extend(read_tokens(db, &tokens_sealed_with(seals, after, limit)).await?);
    }
    found.sort_unstable_by_key(|row| row.as_ref().map_or_else(|damaged| damaged.0, |row| row.id));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

pub(crate) fn tokens_sealed_with(
    seals: Vec<u8>,
    after: i64,
    limit: u64,
) -> SelectTwo<tokens::Entity, accounts::Entity> {
    tokens::Entity::find()
        .find_also_related(accounts::Entity)
        .filter(tokens::Column::SealedWith.eq(seals))
        .filter(tokens::Column::Id.gt(after))
        .order_by_asc(tokens::Column::Id)
        .limit(row_count(limit))
}

/// Replaces the sealed values of a row. Returns the number of changed rows: 1, or 0 if the row has changed since it was
/// read.
async fn reseal_row(db: &impl ConnectionTrait, row: &Resealing) -> Result<u64, DbErr> {
    let changed = match row.row.owner {
        SealedTo::Service => replace::<service_keys::Entity>(row).exec(db).await,
        SealedTo::Account(_) => replace::<tokens::Entity>(row).exec(db).await,
        SealedTo::Link(_) => replace::<device_codes::Entity>(row).exec(db).await,
        SealedTo::Revocation(_) => replace::<revocations::Entity>(row).exec(db).await,
    };
    Ok(changed?.rows_affected)
}
