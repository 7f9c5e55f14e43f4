//! The sixth schema: the keyed hash of the answer that a provider sent a browser back with. It stays when the answer itself is
//! wiped, so that the same answer is recognised when the browser brings it again. Empty until the browser is back.
//!
//! An older version that runs beside this one leaves it empty. An answer that it takes is refused when it comes again, as
//! that version does itself.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the column.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0006_callback_hash"
    }
}

#[derive(DeriveIden)]
enum DeviceCodes {
    Table,
    CallbackHash,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table(DeviceCodes::Table)
            .add_column(blob_null(DeviceCodes::CallbackHash))
            .to_owned();
        manager.alter_table(column).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table(DeviceCodes::Table)
            .drop_column(DeviceCodes::CallbackHash)
            .to_owned();
        manager.alter_table(column).await
    }
}
