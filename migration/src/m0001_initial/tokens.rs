//! The tokens of an account, one row each, with the state of their refreshes.

use sea_orm_migration::sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

use super::{due_at, index_of_values};
use crate::changes::{self, cascade, index};

pub(super) fn table(backend: DbBackend) -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer_uniq("account_id"),
        // The account's provider, repeated so that an index can combine it with when the row is due.
        text("provider"),
        // Incremented whenever the refresh token is replaced.
        big_integer("generation"),
        blob("access_token"),
        blob_null("refresh_token"),
        // A refresh token that arrived too late to be the stored one.
        blob_null("spare_refresh_token"),
        sealed_with(backend),
        text("token_endpoint"),
        text("client_id"),
        big_integer_null("access_token_expires_at"),
        big_integer_null("refresh_token_expires_at"),
        big_integer("obtained_at"),
        big_integer_null("last_refreshed_at"),
        big_integer_null("next_refresh_at"),
        // The end of the lease for using the refresh token.
        big_integer_null("lease_until"),
        // The version of the lease, incremented with every claim.
        big_integer("lease_version"),
        due_at("refresh_due_at", "next_refresh_at"),
        // Failed refreshes in a row.
        big_integer("failures"),
        // Whether a response was lost, so that the refresh token may be used up.
        boolean("ambiguous"),
        // Since when the provider has refused without `invalid_grant`.
        big_integer_null("refused_since"),
    ];
    changes::table("tokens", columns)
        .foreign_key(&mut cascade("tokens", "account_id", "accounts"))
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
    ColumnDef::new("sealed_with")
        .blob()
        .generated(Expr::cust(joined), true)
        .to_owned()
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    // While a provider is busy, due rows of the others are found without scanning its rows.
    let due_at_provider = index(
        "ix_tokens_provider_refresh_due_at",
        "tokens",
        ["provider", "refresh_due_at"],
    )
    .and_where(Expr::col("refresh_due_at").is_not_null())
    .to_owned();
    vec![
        index_of_values("ix_tokens_refresh_due_at", "tokens", "refresh_due_at"),
        due_at_provider,
        // Few values, each of many rows: a query finds the keys in use by skipping from one value to the next. It finds
        // the rows that need a key by that value, in the order of their numbers.
        index("ix_tokens_sealed_with", "tokens", ["sealed_with", "id"]),
    ]
}
