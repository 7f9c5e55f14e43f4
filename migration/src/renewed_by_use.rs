//! Schema 4: whether using a refresh token extends its lifetime. An older version that runs at the same time does not
//! change it.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the column.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0004_renewed_by_use"
    }
}

#[derive(DeriveIden)]
enum Tokens {
    Table,
    /// Empty while unknown.
    RenewedByUse,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table(Tokens::Table)
            .add_column(boolean_null(Tokens::RenewedByUse))
            .to_owned();
        manager.alter_table(column).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table(Tokens::Table)
            .drop_column(Tokens::RenewedByUse)
            .to_owned();
        manager.alter_table(column).await
    }
}
