//! The key of the keyed hash, sealed: one row.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveIden)]
pub(super) enum ServiceKeys {
    Table,
    Id,
    HashKey,
}

pub(super) fn table() -> TableCreateStatement {
    Table::create()
        .table(ServiceKeys::Table)
        .col(
            big_integer(ServiceKeys::Id)
                .primary_key()
                .check(Expr::col(ServiceKeys::Id).eq(1)),
        )
        .col(blob(ServiceKeys::HashKey))
        .to_owned()
}
