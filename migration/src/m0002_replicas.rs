//! Schema 2: the processes that share the database. An older version that runs at the same time ignores it.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Replicas {
    Table,
    Id,
    /// A random name for each start of a process.
    Instance,
    Name,
    Version,
    StartedAt,
    SeenAt,
    /// Start and end of its turn as housekeeper, in earlier versions.
    KeepsHouseSince,
    KeepsHouseUntil,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Replicas::Table)
            .col(big_pk_auto(Replicas::Id))
            .col(text(Replicas::Instance).unique_key())
            .col(text(Replicas::Name))
            .col(text(Replicas::Version))
            .col(big_integer(Replicas::StartedAt))
            .col(big_integer(Replicas::SeenAt))
            .col(big_integer_null(Replicas::KeepsHouseSince))
            .col(big_integer_null(Replicas::KeepsHouseUntil))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(Replicas::Table).to_owned();
        manager.drop_table(table).await
    }
}
