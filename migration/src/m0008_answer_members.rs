//! Further members of token responses: the issuer that they came from, extra members for clients (sealed), the lifetime
//! of access tokens, and the `exp` of an access token without a stated lifetime. Empty while unknown.
//!
//! An older version that runs at the same time does not change these columns. After its refreshes, they keep the values
//! of an earlier response until the next refresh by this version.

use sea_orm_migration::{prelude::*, schema::*};

use crate::alter::{add_columns, drop_columns};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden, Clone, Copy)]
enum Name {
    Tokens,
    DeviceCodes,
    Revocations,
    Issuer,
    Extra,
    AccessTokenLifetime,
    AccessTokenHintedEnd,
}

/// Every new column, with its table.
fn columns() -> Vec<(Name, Name)> {
    vec![
        (Name::Tokens, Name::Issuer),
        (Name::Tokens, Name::Extra),
        (Name::Tokens, Name::AccessTokenLifetime),
        (Name::Tokens, Name::AccessTokenHintedEnd),
        (Name::DeviceCodes, Name::Issuer),
        (Name::DeviceCodes, Name::Extra),
        (Name::DeviceCodes, Name::AccessTokenHintedEnd),
        (Name::Revocations, Name::Issuer),
    ]
}

fn definition(column: Name) -> ColumnDef {
    match column {
        Name::Issuer => text_null(column),
        Name::Extra => blob_null(column),
        _ => big_integer_null(column),
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in columns() {
            add_columns(manager, table, [definition(column)]).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in columns() {
            drop_columns(manager, table, [column]).await?;
        }
        Ok(())
    }
}
