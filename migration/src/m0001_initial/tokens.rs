//! The tokens of the accounts and the state of their refreshes, in one row per account.

use sea_orm_migration::sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

use super::{due_at, index_of_values};
use crate::changes::{self, cascade, index};

pub(super) fn table(backend: DbBackend) -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer_uniq("account_id"),
        // A copy of the account's provider, for an index over the provider and `refresh_due_at`.
        text("provider"),
        // Incremented with every recorded response to a refresh, and when a consent replaces the refresh token.
        big_integer("generation"),
        blob("access_token"),
        blob_null("refresh_token"),
        // A refresh token from a superseded response. Unused since schema 21.
        blob_null("spare_refresh_token"),
        sealed_with(backend),
        text("token_endpoint"),
        text("client_id"),
        big_integer_null("access_token_expires_at"),
        big_integer_null("refresh_token_expires_at"),
        big_integer("obtained_at"),
        big_integer_null("last_refreshed_at"),
        big_integer_null("next_refresh_at"),
        // When the lease to use the refresh token expires.
        big_integer_null("lease_until"),
        // The version of the lease, incremented with every claim.
        big_integer("lease_version"),
        due_at("refresh_due_at", "next_refresh_at"),
        // Consecutive failed refreshes.
        big_integer("failures"),
        // Whether the response to a refresh was lost. If so, the provider may have rotated the refresh token.
        boolean("ambiguous"),
        // When the provider began to reject refreshes with errors other than `invalid_grant`.
        big_integer_null("refused_since"),
    ];
    changes::table("tokens", columns)
        .foreign_key(&mut cascade("tokens", "account_id", "accounts"))
        .to_owned()
}

/// Returns a generated column with the concatenated headers of the row's sealed values, without those that are NULL. A
/// header is the first 5 bytes of a sealed value and names its key.
///
/// The cast is needed because SQLite returns text when it concatenates blobs. The type of the cast is the only
/// difference between the two databases.
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
    // Finds the due rows of one provider without scanning the due rows of a busy provider.
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
        // The column has few distinct values. One query finds the keys in use by skipping from value to value. Another
        // query reads the rows of one value, ordered by `id`.
        index("ix_tokens_sealed_with", "tokens", ["sealed_with", "id"]),
    ]
}
