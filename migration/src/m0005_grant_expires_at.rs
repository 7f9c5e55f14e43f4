//! Schema 5: when a grant ends and cannot be extended. Empty while unknown.
//!
//! An older version that runs at the same time does not change the columns. An account that it links has no known end,
//! or that of the previous consent: people are warned too early, until the next consent. Refreshes and tokens are not
//! affected.

use sea_orm_migration::{prelude::*, schema::*};

use crate::alter::{add_columns, drop_columns};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

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
            add_columns(manager, table, [big_integer_null(GrantExpiresAt)]).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [Tokens::Table.into_iden(), DeviceCodes::Table.into_iden()] {
            drop_columns(manager, table, [GrantExpiresAt]).await?;
        }
        Ok(())
    }
}
