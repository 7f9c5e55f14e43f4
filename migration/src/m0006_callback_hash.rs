//! Schema 6: the keyed hash of a browser's callback. It stays when the callback itself is deleted, so that a repeated
//! callback is recognised. Empty until the browser comes back.
//!
//! An older version that runs at the same time leaves it empty. A callback that it has received is rejected when it is
//! repeated, as in that version.

use sea_orm_migration::{prelude::*, schema::*};

use crate::alter::{add_columns, drop_columns};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum DeviceCodes {
    Table,
    CallbackHash,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = blob_null(DeviceCodes::CallbackHash);
        add_columns(manager, DeviceCodes::Table, [column]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_columns(manager, DeviceCodes::Table, [DeviceCodes::CallbackHash]).await
    }
}
