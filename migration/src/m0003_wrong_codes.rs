//! Schema 3: wrong link codes that were tried. Replicas of an older version count wrong codes separately.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum WrongCodes {
    Table,
    Id,
    /// The keyed hash of the network.
    Network,
    TriedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(WrongCodes::Table)
            .col(big_pk_auto(WrongCodes::Id))
            .col(blob(WrongCodes::Network))
            .col(big_integer(WrongCodes::TriedAt))
            .to_owned();
        manager.create_table(table).await?;
        // The latest are counted, and the oldest deleted.
        let tried = Index::create()
            .name("ix_wrong_codes_tried_at")
            .table(WrongCodes::Table)
            .col(WrongCodes::TriedAt)
            .to_owned();
        manager.create_index(tried).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(WrongCodes::Table).to_owned();
        manager.drop_table(table).await
    }
}
