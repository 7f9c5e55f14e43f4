//! The seventh schema: a row that is written to find out whether writing works.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table of write tests.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0007_write_tests"
    }
}

#[derive(DeriveIden)]
enum WriteTests {
    Table,
    Id,
    /// Random bytes of no meaning.
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
