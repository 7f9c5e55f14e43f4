//! The fifth schema: when a grant ends whatever is done, of tokens that wait for their owner and of those that have one. Empty
//! while it is not known.
//!
//! An older version that runs beside this one leaves both as they are. So an account that it links has no end that is known,
//! or, where it was linked before, that of the consent before: people are warned too early, until the next consent. Nothing
//! is refreshed, served or given up by it.

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
