//! One row of tokens an account, with what keeps the grant alive.

use sea_orm_migration::{prelude::*, schema::*};

use super::accounts::Accounts;
use super::{cascade, due_at, index};

#[derive(DeriveIden)]
pub(super) enum Tokens {
    Table,
    Id,
    AccountId,
    /// Grows whenever the refresh token is replaced.
    Generation,
    AccessToken,
    RefreshToken,
    /// A refresh token that came too late to be the stored one.
    SpareRefreshToken,
    TokenEndpoint,
    ClientId,
    AccessTokenExpiresAt,
    ObtainedAt,
    LastRefreshedAt,
    NextRefreshAt,
    /// Until when somebody is presenting the refresh token.
    LeaseUntil,
    /// Grows with every claim: what tells one lease from the next.
    LeaseVersion,
    RefreshDueAt,
    /// Refreshes in a row that failed.
    Failures,
    /// Whether an answer got lost that may have spent the refresh token.
    Ambiguous,
    /// Since when the provider refuses without saying that the grant is over.
    RefusedSince,
}

pub(super) fn table() -> TableCreateStatement {
    Table::create()
        .table(Tokens::Table)
        .col(big_pk_auto(Tokens::Id))
        .col(big_integer(Tokens::AccountId).unique_key())
        .col(big_integer(Tokens::Generation))
        .col(blob(Tokens::AccessToken))
        .col(blob_null(Tokens::RefreshToken))
        .col(blob_null(Tokens::SpareRefreshToken))
        .col(text(Tokens::TokenEndpoint))
        .col(text(Tokens::ClientId))
        .col(big_integer_null(Tokens::AccessTokenExpiresAt))
        .col(big_integer(Tokens::ObtainedAt))
        .col(big_integer_null(Tokens::LastRefreshedAt))
        .col(big_integer_null(Tokens::NextRefreshAt))
        .col(big_integer_null(Tokens::LeaseUntil))
        .col(big_integer(Tokens::LeaseVersion))
        .col(due_at(
            Tokens::RefreshDueAt,
            Tokens::NextRefreshAt,
            Tokens::LeaseUntil,
        ))
        .col(big_integer(Tokens::Failures))
        .col(boolean(Tokens::Ambiguous))
        .col(big_integer_null(Tokens::RefusedSince))
        .foreign_key(&mut cascade(
            (Tokens::Table, Tokens::AccountId),
            (Accounts::Table, Accounts::Id),
        ))
        .to_owned()
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    let due = index(Tokens::Table, Tokens::RefreshDueAt)
        .and_where(Expr::col(Tokens::RefreshDueAt).is_not_null())
        .to_owned();
    vec![due]
}
