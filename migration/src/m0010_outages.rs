//! Schema 10: outages of providers, which all replicas share.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Outages {
    Table,
    Id,
    Provider,
    Version,
    ProbeAt,
    FailedProbes,
    FaultCode,
    FaultDetail,
    /// The numbers of the accounts that were probed, the latest last.
    Probed,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Outages::Table)
            .col(big_pk_auto(Outages::Id))
            .col(text(Outages::Provider).unique_key())
            .col(big_integer(Outages::Version))
            .col(big_integer(Outages::ProbeAt))
            .col(big_integer(Outages::FailedProbes))
            .col(text(Outages::FaultCode))
            .col(text(Outages::FaultDetail))
            .col(text(Outages::Probed))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(Outages::Table).to_owned();
        manager.drop_table(table).await
    }
}
