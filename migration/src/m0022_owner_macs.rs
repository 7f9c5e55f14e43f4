//! Schema 22: MACs of the persons whose tokens links hold. A link without one fails with its return code, and its tokens are
//! revoked.

use sea_orm_migration::{prelude::*, schema::*};

use crate::alter::{add_columns, drop_columns};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum DeviceCodes {
    Table,
    OwnerMac,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = blob_null(DeviceCodes::OwnerMac);
        add_columns(manager, DeviceCodes::Table, [column]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_columns(manager, DeviceCodes::Table, [DeviceCodes::OwnerMac]).await
    }
}
