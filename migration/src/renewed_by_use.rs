//! The fourth schema: whether using a refresh token puts its end off. An older version that runs beside this one leaves it as
//! it is.

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
    /// Empty while it is not known.
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
