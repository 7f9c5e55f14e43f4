//! The first schema: links, accounts, tokens, keys and revocations.

mod access_keys;
mod accounts;
mod device_codes;
mod revocations;
mod service_keys;
mod tokens;

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_initial"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            service_keys::table(),
            accounts::table(),
            tokens::table(manager.get_database_backend()),
            access_keys::table(),
            device_codes::table(),
            revocations::table(),
        ] {
            manager.create_table(table).await?;
        }
        let indexes = [
            accounts::indexes(),
            tokens::indexes(),
            access_keys::indexes(),
            device_codes::indexes(),
            revocations::indexes(),
        ];
        for index in indexes.into_iter().flatten() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            revocations::Revocations::Table.into_iden(),
            device_codes::DeviceCodes::Table.into_iden(),
            access_keys::AccessKeys::Table.into_iden(),
            tokens::Tokens::Table.into_iden(),
            accounts::Accounts::Table.into_iden(),
            service_keys::ServiceKeys::Table.into_iden(),
        ] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

/// A foreign key with cascading deletion.
fn cascade(
    from: (impl IntoIden, impl IntoIden),
    to: (impl IntoIden, impl IntoIden),
) -> ForeignKeyCreateStatement {
    let (table, column) = (from.0.into_iden(), from.1.into_iden());
    ForeignKey::create()
        .name(format!("fk_{table}_{column}"))
        .from(table, column)
        .to(to.0.into_iden(), to.1.into_iden())
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

/// An index over one column; add a condition with `and_where`.
fn index(table: impl IntoIden, column: impl IntoIden) -> IndexCreateStatement {
    let (table, column) = (table.into_iden(), column.into_iden());
    Index::create()
        .name(format!("ix_{table}_{column}"))
        .table(table)
        .col(column)
        .to_owned()
}

/// When a row is due: at `next_at`, or when its lease expires if that is later. It is a generated column, so that a
/// scan for due rows touches neither waiting rows nor leased ones.
fn due_at(column: impl IntoIden, next_at: impl IntoIden, lease_until: impl IntoIden) -> ColumnDef {
    let (next_at, lease_until) = (next_at.into_iden(), lease_until.into_iden());
    let leased_longer = Expr::col(lease_until.clone()).gt(Expr::col(next_at.clone()));
    let due = CaseStatement::new()
        .case(leased_longer, Expr::col(lease_until))
        .finally(Expr::col(next_at));
    ColumnDef::new(column)
        .big_integer()
        .generated(due, true)
        .to_owned()
}
