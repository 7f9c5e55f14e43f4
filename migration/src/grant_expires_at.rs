//! Schema 5: when a grant ends and cannot be extended. Empty while unknown.
//!
//! An older version that runs at the same time does not change the columns. An account that it links has no known end,
//! or that of the previous consent: people are warned too early, until the next consent. Refreshes and tokens are not
//! affected.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the columns.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0005_grant_expires_at"
    }
}

#[derive(DeriveIden)]
enum Tokens {
    Table,
}

#[derive(DeriveIden)]
enum DeviceCodes {
    Table,
}

#[derive(DeriveIden)]
struct GrantExpiresAt;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [Tokens::Table.into_iden(), DeviceCodes::Table.into_iden()] {
            let column = Table::alter()
                .table(table)
                .add_column(big_integer_null(GrantExpiresAt))
                .to_owned();
            manager.alter_table(column).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [Tokens::Table.into_iden(), DeviceCodes::Table.into_iden()] {
            let column = Table::alter()
                .table(table)
                .drop_column(GrantExpiresAt)
                .to_owned();
            manager.alter_table(column).await?;
        }
        Ok(())
    }
}
