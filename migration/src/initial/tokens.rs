//! The tokens of an account, one row each, with the state of their refreshes.

use sea_orm_migration::sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

use super::accounts::Accounts;
use super::{cascade, due_at, index};

#[derive(DeriveIden)]
pub(super) enum Tokens {
    Table,
    Id,
    AccountId,
    /// The account's provider, repeated so that an index can combine it with when the row is due.
    Provider,
    /// Incremented whenever the refresh token is replaced.
    Generation,
    AccessToken,
    RefreshToken,
    /// A refresh token that arrived too late to be the stored one.
    SpareRefreshToken,
    /// The headers of the sealed values, concatenated.
    SealedWith,
    TokenEndpoint,
    ClientId,
    AccessTokenExpiresAt,
    RefreshTokenExpiresAt,
    ObtainedAt,
    LastRefreshedAt,
    NextRefreshAt,
    /// The end of the lease for using the refresh token.
    LeaseUntil,
    /// The version of the lease, incremented with every claim.
    LeaseVersion,
    RefreshDueAt,
    /// Failed refreshes in a row.
    Failures,
    /// Whether a response was lost, so that the refresh token may be used up.
    Ambiguous,
    /// Since when the provider has refused without `invalid_grant`.
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

/// Which keys the row needs: the header of each sealed value names its key; a missing value contributes nothing. SQLite
/// makes a text of concatenated values, hence the cast, whose type is the only difference between the databases. The
/// length is a part of the format of sealed values.
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
    // While a provider is busy, due rows of the others are found without scanning its rows.
    let due_at_provider = index(Tokens::Table, Tokens::Provider)
        .name("ix_tokens_provider_refresh_due_at")
        .col(Tokens::RefreshDueAt)
        .and_where(Expr::col(Tokens::RefreshDueAt).is_not_null())
        .to_owned();
    // Few values, each of many rows: a query finds the keys in use by skipping from one value to the next. It finds the
    // rows that need a key by that value, in the order of their numbers.
    let sealed_with = index(Tokens::Table, Tokens::SealedWith)
        .col(Tokens::Id)
        .to_owned();
    vec![due, due_at_provider, sealed_with]
}
