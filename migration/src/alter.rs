//! Steps that several migrations take.

use sea_orm_migration::prelude::*;

/// Adds columns, each in its own statement, because SQLite adds one at a time.
pub(crate) async fn add_columns(
    manager: &SchemaManager<'_>,
    table: impl IntoIden,
    columns: impl IntoIterator<Item = ColumnDef>,
) -> Result<(), DbErr> {
    let table = table.into_iden();
    for column in columns {
        let change = Table::alter()
            .table(table.clone())
            .add_column(column)
            .to_owned();
        manager.alter_table(change).await?;
    }
    Ok(())
}

/// Drops columns, each in its own statement.
pub(crate) async fn drop_columns<C: IntoIden>(
    manager: &SchemaManager<'_>,
    table: impl IntoIden,
    columns: impl IntoIterator<Item = C>,
) -> Result<(), DbErr> {
    let table = table.into_iden();
    for column in columns {
        let change = Table::alter()
            .table(table.clone())
            .drop_column(column.into_iden())
            .to_owned();
        manager.alter_table(change).await?;
    }
    Ok(())
}

pub(crate) async fn drop_indexes(
    manager: &SchemaManager<'_>,
    table: impl IntoIden,
    names: impl IntoIterator<Item = &str>,
) -> Result<(), DbErr> {
    let table = table.into_iden();
    for name in names {
        let index = Index::drop().name(name).table(table.clone()).to_owned();
        manager.drop_index(index).await?;
    }
    Ok(())
}
