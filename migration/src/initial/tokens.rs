//! One row of tokens an account, with what keeps the grant alive.

use sea_orm_migration::sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

use super::accounts::Accounts;
use super::{cascade, due_at, index};

#[derive(DeriveIden)]
pub(super) enum Tokens {
    Table,
    Id,
    AccountId,
    /// The account's, repeated so that an index can hold it beside when the row is due.
    Provider,
    /// Grows whenever the refresh token is replaced.
    Generation,
    AccessToken,
    RefreshToken,
    /// A refresh token that came too late to be the stored one.
    SpareRefreshToken,
    /// What the sealed values start with, one after the other.
    SealedWith,
    TokenEndpoint,
    ClientId,
    AccessTokenExpiresAt,
    RefreshTokenExpiresAt,
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

pub(super) fn table(backend: DbBackend) -> TableCreateStatement {
    Table::create()
        .table(Tokens::Table)
        .col(big_pk_auto(Tokens::Id))
        .col(big_integer(Tokens::AccountId).unique_key())
        .col(text(Tokens::Provider))
        .col(big_integer(Tokens::Generation))
        .col(blob(Tokens::AccessToken))
        .col(blob_null(Tokens::RefreshToken))
        .col(blob_null(Tokens::SpareRefreshToken))
        .col(sealed_with(backend))
        .col(text(Tokens::TokenEndpoint))
        .col(text(Tokens::ClientId))
        .col(big_integer_null(Tokens::AccessTokenExpiresAt))
        .col(big_integer_null(Tokens::RefreshTokenExpiresAt))
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

/// Which keys the row needs: the first bytes of each sealed value name its key, and where a value is missing there is
/// nothing. SQLite makes a text of whatever it joins, hence the cast, whose type is the only thing in which the
/// databases differ. The length is a part of the format of sealed values.
fn sealed_with(backend: DbBackend) -> ColumnDef {
    let bytes = match backend {
        DbBackend::Postgres => "bytea",
        _ => "blob",
    };
    let start = |column| format!("coalesce(substr({column}, 1, 5), substr(access_token, 1, 0))");
    let starts = ["access_token", "refresh_token", "spare_refresh_token"].map(start);
    let joined = format!("CAST({} AS {bytes})", starts.join(" || "));
    ColumnDef::new(Tokens::SealedWith)
        .blob()
        .generated(Expr::cust(joined), true)
        .to_owned()
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    let due = index(Tokens::Table, Tokens::RefreshDueAt)
        .and_where(Expr::col(Tokens::RefreshDueAt).is_not_null())
        .to_owned();
    // While a provider is busy, what is due at the others is found without passing over its rows.
    let due_at_provider = index(Tokens::Table, Tokens::Provider)
        .name("ix_tokens_provider_refresh_due_at")
        .col(Tokens::RefreshDueAt)
        .and_where(Expr::col(Tokens::RefreshDueAt).is_not_null())
        .to_owned();
    // Few values, each of many rows: the keys in use are found by skipping from one value to the next, and the rows that
    // need a key by that value, in the order of their numbers.
    let sealed_with = index(Tokens::Table, Tokens::SealedWith)
        .col(Tokens::Id)
        .to_owned();
    vec![due, due_at_provider, sealed_with]
}
