//! Clients' keys. A key without an account gives no access: its link is not complete.

use sea_orm_migration::{prelude::*, schema::*};

use super::accounts::Accounts;
use super::{cascade, index};

#[derive(DeriveIden)]
pub(super) enum AccessKeys {
    Table,
    Id,
    Hash,
    Role,
    Name,
    AccountId,
    ExpiresAt,
    CreatedAt,
    LastUsedAt,
}

pub(super) fn table() -> TableCreateStatement {
    Table::create()
        .table(AccessKeys::Table)
        .col(big_pk_auto(AccessKeys::Id))
        .col(blob(AccessKeys::Hash).unique_key())
        .col(text(AccessKeys::Role))
        .col(text_null(AccessKeys::Name))
        .col(big_integer_null(AccessKeys::AccountId))
        .col(big_integer_null(AccessKeys::ExpiresAt))
        .col(big_integer(AccessKeys::CreatedAt))
        .col(big_integer_null(AccessKeys::LastUsedAt))
        .foreign_key(&mut cascade(
            (AccessKeys::Table, AccessKeys::AccountId),
            (Accounts::Table, Accounts::Id),
        ))
        .to_owned()
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    vec![index(AccessKeys::Table, AccessKeys::AccountId)]
}
