//! Workloads, and the single-use JWTs that they have used.

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccessKeyId, AccountId};
use central_oauth_domain::ports::{SingleUse, StoreError, WorkloadStore};
use central_oauth_domain::secret::KeyedHash;
use central_oauth_domain::workload::{
    ClaimList, NewWorkload, WorkloadAccess, WorkloadBinding, WorkloadRecord,
};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, SelectFour, TopologyStar,
};

use crate::convert::{hash, key_record};
use crate::damage::{self, Numbered};
use crate::entities::workloads::{ActiveModel, Column, Entity, Model};
use crate::entities::{access_keys, accounts, device_codes, used_tokens};
use crate::error::{Unreadable, failed};
use crate::keys;
use crate::statements::{delete_before, finds_any, insert_unless_taken};
use crate::store::SeaOrmStore;

/// Maximum number of accounts that one workload uses.
const MOST_OF_ONE: u64 = 1_000;

#[async_trait]
impl WorkloadStore for SeaOrmStore {
    async fn find_workloads(
        &self,
        identity: &KeyedHash,
        now: Timestamp,
    ) -> Result<Vec<WorkloadAccess>, StoreError> {
        let (db, rows) = (&self.read().await?, &with_identity(identity, now));
        let accesses = damage::each_of(db, rows, NUMBERED, |row| {
            let workload = workload(row)?;
            let holder = keys::holder(row, ["B_", "C_", "D_"])?;
            let access = |key| {
                Ok(WorkloadAccess {
                    key,
                    mac: hash(&workload.mac).ok_or_else(|| unreadable(&workload, "mac"))?,
                    binding: binding(workload)?,
                })
            };
            holder.map(access).transpose()
        });
        Ok(accesses.await?.into_iter().flatten().collect())
    }

    async fn workloads(
        &self,
        account: AccountId,
        after: Option<AccessKeyId>,
        limit: u64,
    ) -> Result<Vec<WorkloadRecord>, StoreError> {
        let rows = Entity::find()
            .find_also_related(access_keys::Entity)
            .filter(access_keys::Column::AccountId.eq(account.0));
        let numbered = (access_keys::Column::Id, NUMBERED);
        let (db, after) = (&self.read().await?, after.map(|after| after.0));
        let page = damage::page(db, rows, numbered, after, limit, |row| {
            let key = access_keys::Model::from_query_result(row, "B_");
            let key = key_record(key.map_err(failed)?)?;
            Ok(WorkloadRecord {
                id: key.id,
                binding: binding(workload(row)?)?,
                role: key.role,
                created_at: key.created_at,
                expires_at: key.expires_at,
                last_used_at: key.last_used_at,
            })
        });
        page.await
    }

    async fn is_workload(&self, account: AccountId, key: AccessKeyId) -> Result<bool, StoreError> {
        let row = Entity::find_by_id(key.0)
            .inner_join(access_keys::Entity)
            .filter(access_keys::Column::AccountId.eq(account.0));
        finds_any(&self.read().await?, row).await
    }

    async fn purge_used_tokens(
        &self,
        expired_before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let column = used_tokens::Column::ExpiresAt;
        let expired = delete_before::<used_tokens::Entity>(column, expired_before, limit);
        self.run(&expired).await
    }
}

/// The table and the id column of a query for workloads and joined tables.
const NUMBERED: Numbered = Numbered {
    table: "workloads",
    number: "A_id",
};

fn workload(row: &QueryResult) -> Result<Model, StoreError> {
    Model::from_query_result(row, "A_").map_err(failed)
}

/// Workloads joined with their keys, and with the accounts or links of these keys.
type Found =
    SelectFour<Entity, access_keys::Entity, accounts::Entity, device_codes::Entity, TopologyStar>;

pub(crate) fn with_identity(identity: &KeyedHash, now: Timestamp) -> Found {
    Entity::find()
        .find_also_related(access_keys::Entity)
        .and_also_related(accounts::Entity)
        .find_also(access_keys::Entity, device_codes::Entity)
        .filter(Column::Identity.eq(identity.as_bytes().to_vec()))
        .filter(keys::not_expired(now))
        .order_by_asc(Column::Id)
        .limit(MOST_OF_ONE)
}

/// Stores the workload of a key.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    key: AccessKeyId,
    workload: NewWorkload,
) -> Result<(), StoreError> {
    let WorkloadBinding {
        workload: name,
        issuer,
        claims,
    } = workload.binding;
    let row = ActiveModel {
        id: Set(key.0),
        identity: Set(workload.identity.as_bytes().to_vec()),
        workload: Set(name),
        issuer: Set(issuer),
        claims: Set(claims.to_text()),
        mac: Set(workload.mac.as_bytes().to_vec()),
    };
    row.insert(db).await.map(drop).map_err(failed)
}

/// Records that a JWT was used. Returns false if it was used before.
pub(crate) async fn use_once(
    db: &impl ConnectionTrait,
    token: &SingleUse,
) -> Result<bool, StoreError> {
    let row = used_tokens::ActiveModel {
        hash: Set(token.hash.as_bytes().to_vec()),
        expires_at: Set(token.expires_at.as_millis()),
        ..Default::default()
    };
    let noted = insert_unless_taken(db, [row], [used_tokens::Column::Hash]);
    Ok(noted.await? > 0)
}

fn binding(row: Model) -> Result<WorkloadBinding, StoreError> {
    let claims = ClaimList::from_text(&row.claims).ok_or_else(|| unreadable(&row, "claims"))?;
    Ok(WorkloadBinding {
        workload: row.workload,
        issuer: row.issuer,
        claims,
    })
}

fn unreadable(row: &Model, column: &'static str) -> StoreError {
    let (table, id) = ("workloads", row.id);
    Unreadable { table, id, column }.into()
}
