//! What token answers tell besides tokens: the issuer that they came from, members for clients (sealed), how long access tokens
//! last, and the `exp` of an access token that has no other end. Empty while it is not known.
//!
//! An older version that runs beside this one leaves these columns as they are. A refresh by it keeps the members of an
//! earlier answer, until the next refresh by this version.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the columns.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0008_answer_members"
    }
}

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
            let change = Table::alter()
                .table(table)
                .add_column(definition(column))
                .to_owned();
            manager.alter_table(change).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in columns() {
            let change = Table::alter().table(table).drop_column(column).to_owned();
            manager.alter_table(change).await?;
        }
        Ok(())
    }
}
