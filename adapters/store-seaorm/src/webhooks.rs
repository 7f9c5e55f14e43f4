use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{AuditNumber, SignedEntry};
use central_oauth_domain::ports::{StoreError, WebhookStore};
use central_oauth_domain::vault::RowMacs;
use central_oauth_domain::webhook::{Receiver, ReceiverName};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Select};

use crate::audit;
use crate::convert::{fault, fault_columns, hash, hash_bytes, time};
use crate::damage;
use crate::entities::webhook_receivers::{ActiveModel, Column, Entity, Model};
use crate::error::{Unreadable, failed};
use crate::statements::insert_unless_taken;
use crate::store::SeaOrmStore;

#[async_trait]
impl WebhookStore for SeaOrmStore {
    async fn receivers(&self) -> Result<Vec<Receiver>, StoreError> {
        let rows = Entity::find().order_by_asc(Column::Name);
        readable(&self.read().await?, rows).await
    }

    async fn receiver(&self, name: &ReceiverName) -> Result<Option<Receiver>, StoreError> {
        Ok(readable(&self.read().await?, named(name)).await?.pop())
    }

    async fn add_receiver(
        &self,
        name: &ReceiverName,
        position: Option<AuditNumber>,
        macs: &RowMacs,
        entry: SignedEntry,
    ) -> Result<bool, StoreError> {
        let write = self.write().await?;
        let head = audit::head(&write).await?;
        let fresh = Receiver::new(name.clone(), position.unwrap_or(head));
        let fresh = columns(&macs.authenticated_receiver(&fresh));
        if !insert(&write, fresh.clone()).await? {
            if !readable(&write, named(name)).await?.is_empty() {
                return Ok(false);
            }
            let damaged = Entity::delete_many().filter(Column::Name.eq(name.as_str()));
            damaged.exec(&write).await.map_err(failed)?;
            insert(&write, fresh).await?;
        }
        audit::store(&write, &[entry]).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn save_receiver(&self, next: &Receiver) -> Result<bool, StoreError> {
        let saving = Entity::update_many()
            .set(columns(next))
            .filter(Column::Name.eq(next.name.as_str()))
            .filter(Column::Version.eq(next.version.wrapping_sub(1)));
        Ok(self.run(&saving).await? > 0)
    }
}

/// Inserts a row. Returns false if there is already a row with this name.
async fn insert(db: &impl ConnectionTrait, fresh: ActiveModel) -> Result<bool, StoreError> {
    let added = insert_unless_taken(db, [fresh], [Column::Name]).await?;
    Ok(added > 0)
}

fn named(name: &ReceiverName) -> Select<Entity> {
    Entity::find().filter(Column::Name.eq(name.as_str()))
}

async fn readable(
    db: &impl ConnectionTrait,
    rows: Select<Entity>,
) -> Result<Vec<Receiver>, StoreError> {
    damage::each(db, rows, Receiver::try_from).await
}

fn columns(receiver: &Receiver) -> ActiveModel {
    let millis = |at: Option<Timestamp>| Set(at.map(Timestamp::as_millis));
    let (code, detail) = fault_columns(receiver.last_error.clone());
    ActiveModel {
        id: NotSet,
        name: Set(receiver.name.as_str().to_owned()),
        version: Set(receiver.version),
        position: Set(receiver.position.0),
        lease_until: millis(receiver.lease_until),
        next_attempt_at: millis(receiver.next_attempt_at),
        failures: Set(receiver.failures.into()),
        failing_since: millis(receiver.failing_since),
        last_error_code: Set(code),
        last_error_detail: Set(detail),
        delivered_at: millis(receiver.delivered_at),
        dropped: Set(receiver.dropped.try_into().unwrap_or(i64::MAX)),
        mac: Set(receiver.mac.as_ref().map(hash_bytes)),
    }
}

impl TryFrom<Model> for Receiver {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let unreadable = |column| Unreadable {
            table: "webhook_receivers",
            id: row.id,
            column,
        };
        let last_error = fault(row.last_error_code, row.last_error_detail);
        Ok(Self {
            name: ReceiverName::parse(&row.name).ok_or_else(|| unreadable("name"))?,
            version: row.version,
            position: AuditNumber(row.position),
            lease_until: time(row.lease_until),
            next_attempt_at: time(row.next_attempt_at),
            failures: row.failures.try_into().unwrap_or(u32::MAX),
            failing_since: time(row.failing_since),
            last_error: last_error.map_err(|()| unreadable("last_error_code"))?,
            delivered_at: time(row.delivered_at),
            dropped: row.dropped.unsigned_abs(),
            // A MAC of the wrong length counts as missing, so the row counts as altered.
            mac: row.mac.and_then(|mac| hash(&mac)),
        })
    }
}
