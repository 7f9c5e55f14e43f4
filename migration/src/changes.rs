//! The changes that a migration makes to the schema. The rollback is derived from these changes.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// A migration. The database records `name` when the migration is applied.
pub(crate) struct Migration {
    pub(crate) name: &'static str,
    pub(crate) changes: fn(DbBackend) -> Changes,
}

/// The changes of one migration, in the order in which they are applied. A rollback removes tables, columns and indexes
/// in reverse order.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) tables: Vec<TableCreateStatement>,
    /// Columns of existing tables, each with its table.
    pub(crate) columns: Vec<(&'static str, ColumnDef)>,
    pub(crate) indexes: Vec<IndexCreateStatement>,
    /// Statements that change rows when the migration is applied.
    pub(crate) rows_up: &'static [&'static str],
    /// Statements that change or delete the rows that older versions cannot use. They run at the start of a rollback.
    pub(crate) rows_down: &'static [&'static str],
}

impl MigrationName for Migration {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let changes = (self.changes)(manager.get_database_backend());
        changes.add(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let changes = (self.changes)(manager.get_database_backend());
        changes.remove(manager).await
    }
}

impl Changes {
    async fn add(self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        for table in self.tables {
            manager.create_table(table).await?;
        }
        // One statement per column: SQLite adds and drops one column at a time.
        for (table, column) in self.columns {
            let change = Table::alter().table(table).add_column(column).to_owned();
            manager.alter_table(change).await?;
        }
        for index in self.indexes {
            manager.create_index(index).await?;
        }
        run(manager, self.rows_up).await
    }

    async fn remove(self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        run(manager, self.rows_down).await?;
        for index in self.indexes.iter().rev() {
            let name = index.get_index_spec().get_name().unwrap_or_default();
            let drop = Index::drop().name(name).to_owned();
            manager.drop_index(drop).await?;
        }
        for (table, column) in self.columns.into_iter().rev() {
            let name = column.get_column_name();
            let change = Table::alter().table(table).drop_column(name).to_owned();
            manager.alter_table(change).await?;
        }
        let tables = self.tables.iter().rev();
        for table in tables.filter_map(TableCreateStatement::get_table_name) {
            let drop = Table::drop().table(table.clone()).to_owned();
            manager.drop_table(drop).await?;
        }
        Ok(())
    }
}

async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    for statement in statements {
        manager
            .get_connection()
            .execute_unprepared(statement)
            .await?;
    }
    Ok(())
}

pub(crate) fn table(
    name: &'static str,
    columns: impl IntoIterator<Item = ColumnDef>,
) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    for column in columns {
        table.col(column);
    }
    table
}

/// Returns an index over these columns. The caller can add a condition with `and_where`.
pub(crate) fn index(
    name: &'static str,
    table: &'static str,
    columns: impl IntoIterator<Item = &'static str>,
) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(column);
    }
    index
}

/// Returns a foreign key from `column` to the `id` of the table `to`, with `ON DELETE CASCADE`.
pub(crate) fn cascade(
    table: &'static str,
    column: &'static str,
    to: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("fk_{table}_{column}"))
        .from(table, column)
        .to(to, "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}
