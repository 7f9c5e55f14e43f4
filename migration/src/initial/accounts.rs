//! People's accounts at providers, without any secret.

use sea_orm_migration::{prelude::*, schema::*};

use super::index;

#[derive(DeriveIden)]
pub(super) enum Accounts {
    Table,
    Id,
    Provider,
    AccountId,
    Identified,
    DisplayName,
    Status,
    Scopes,
    CreatedAt,
    LinkedAt,
    LastErrorCode,
    LastErrorDetail,
}

pub(super) fn table() -> TableCreateStatement {
    Table::create()
        .table(Accounts::Table)
        .col(big_pk_auto(Accounts::Id))
        .col(text(Accounts::Provider))
        .col(text(Accounts::AccountId))
        .col(boolean(Accounts::Identified))
        .col(text(Accounts::DisplayName))
        .col(text(Accounts::Status))
        .col(text(Accounts::Scopes))
        .col(big_integer(Accounts::CreatedAt))
        .col(big_integer(Accounts::LinkedAt))
        .col(text_null(Accounts::LastErrorCode))
        .col(text_null(Accounts::LastErrorDetail))
        .index(
            Index::create()
                .name("uq_accounts_provider_account_id")
                .col(Accounts::Provider)
                .col(Accounts::AccountId)
                .unique(),
        )
        .to_owned()
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    // Tokens of an unidentified person may belong to any of these accounts.
    let unnamed = index(Accounts::Table, Accounts::Provider)
        .and_where(Expr::col(Accounts::Identified).not())
        .to_owned();
    vec![unnamed]
}
