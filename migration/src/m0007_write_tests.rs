//! Schema 7: a row for testing whether the database is writable.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table of write tests.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum WriteTests {
    Table,
    Id,
    /// Random bytes without meaning.
    Data,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(WriteTests::Table)
            .col(big_pk_auto(WriteTests::Id))
            .col(blob(WriteTests::Data))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(WriteTests::Table).to_owned();
        manager.drop_table(table).await
    }
}
