//! Schema 4: whether using a refresh token extends its lifetime. An older version that runs at the same time does not
//! change it.

use sea_orm_migration::{prelude::*, schema::*};

use crate::alter::{add_columns, drop_columns};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Tokens {
    Table,
    /// Empty while unknown.
    RenewedByUse,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = boolean_null(Tokens::RenewedByUse);
        add_columns(manager, Tokens::Table, [column]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_columns(manager, Tokens::Table, [Tokens::RenewedByUse]).await
    }
}
