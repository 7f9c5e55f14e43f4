//! The outbox of tokens to revoke: leases and results.

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::revocation::{
    NewRevocation, Revocation, RevocationId, RevocationLease, RevocationResult, RevocationStatus,
};
use central_oauth_domain::grant::{AccountKey, LeaseVersion, ProviderName};
use central_oauth_domain::ports::{RevocationStore, StoreError};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
};

use crate::claims::{self, Leased};
use crate::convert::{ended_revocation, fault_columns};
use crate::damage;
use crate::entities::revocations::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::links::queries::held_for;
use crate::locks;
use crate::outbox;
use crate::statements::delete_before;
use crate::store::SeaOrmStore;

#[async_trait]
impl RevocationStore for SeaOrmStore {
    async fn store_stray(&self, stray: NewRevocation) -> Result<bool, StoreError> {
        let write = self.save().await?;
        locks::persons(&write, &stray.provider).await?;
        let kept = outbox::store_stray(&write, stray).await?;
        write.commit().await?;
        Ok(kept)
    }

    async fn claim_due_revocations(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<RevocationLease>, StoreError> {
        let write = self.write().await?;
        let (now, lease_until) = self.time.both(&write, now, lease_until).await?;
        let due = claims::due::<Entity>(now, limit, busy);
        let leases = claims::claim(&write, due, lease_until, Model::try_into).await?;
        write.commit().await?;
        Ok(leases)
    }

    async fn next_revocation_at(
        &self,
        busy: &[ProviderName],
    ) -> Result<Option<Timestamp>, StoreError> {
        claims::next_due_at::<Entity>(&self.read().await?, busy).await
    }

    async fn attribute_revocation(
        &self,
        lease: &RevocationLease,
        person: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let revocation = &lease.revocation;
        let (provider, version) = (&revocation.provider, revocation.lease.version);
        let write = self.write().await?;
        locks::persons(&write, provider).await?;
        let Some(row) = leased(&write, revocation.id, version).await? else {
            return Ok(false);
        };
        let is_alive = outbox::is_alive(&write, provider, person).await?;
        let attributed = if is_alive {
            ended_revocation(RevocationStatus::Cancelled, now)
        } else {
            <ActiveModel as Default>::default()
        };
        let attributed = ActiveModel {
            id: Set(row.id),
            person: Set(person.map(str::to_owned)),
            ..attributed
        };
        attributed.update(&write).await.map_err(failed)?;
        write.commit().await?;
        Ok(!is_alive)
    }

    async fn tokens_held_until(
        &self,
        person: &AccountKey,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let deadline = held_for(person, now).into_tuple::<i64>();
        let deadline = deadline.one(&self.read().await?).await.map_err(failed)?;
        Ok(deadline.map(Timestamp::from_millis))
    }

    async fn record_revocation(
        &self,
        id: RevocationId,
        lease: LeaseVersion,
        result: RevocationResult,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let Some(row) = leased(&write, id, lease).await? else {
            return Ok(false);
        };
        let recorded = ActiveModel {
            id: Set(row.id),
            ..result_columns(result, now)
        };
        recorded.update(&write).await.map_err(failed)?;
        write.commit().await?;
        Ok(true)
    }

    async fn revocation(&self, id: RevocationId) -> Result<Option<Revocation>, StoreError> {
        let session = self.read().await?;
        let row = Entity::find_by_id(id.0).one(&session).await;
        row.map_err(failed)?.map(Revocation::try_from).transpose()
    }

    async fn revocations(
        &self,
        after: Option<RevocationId>,
        limit: u64,
    ) -> Result<Vec<Revocation>, StoreError> {
        let (db, after) = (&self.read().await?, after.map(|after| after.0));
        damage::page_of(db, Entity::find(), after, limit, Model::try_into).await
    }

    async fn purge_revocations(
        &self,
        ended_before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let over = delete_before::<Entity>(Column::EndedAt, ended_before, limit);
        self.run(&over).await
    }
}

impl Leased for Entity {
    const PROVIDER: Column = Column::Provider;
    const DUE_AT: Column = Column::DueAt;
    const LEASE_UNTIL: Column = Column::LeaseUntil;
    const NEXT_AT: Column = Column::NextAttemptAt;
    const VERSION: Column = Column::LeaseVersion;
}

/// Returns the row if it still has this lease and has not ended.
async fn leased(
    db: &impl ConnectionTrait,
    id: RevocationId,
    lease: LeaseVersion,
) -> Result<Option<Model>, StoreError> {
    Entity::find_by_id(id.0)
        .filter(Column::LeaseVersion.eq(lease.0))
        .filter(Column::EndedAt.is_null())
        .lock_exclusive()
        .one(db)
        .await
        .map_err(failed)
}

fn result_columns(result: RevocationResult, now: Timestamp) -> ActiveModel {
    let (result, fault) = match result {
        RevocationResult::Ended { status, fault } => (ended_revocation(status, now), fault),
        RevocationResult::Again {
            at,
            failures,
            fault,
        } => {
            let again = ActiveModel {
                next_attempt_at: Set(Some(at.as_millis())),
                lease_until: Set(None),
                failures: Set(i64::from(failures)),
                ..Default::default()
            };
            (again, Some(fault))
        }
    };
    let (code, detail) = fault_columns(fault);
    ActiveModel {
        last_error_code: Set(code),
        last_error_detail: Set(detail),
        ..result
    }
}
