//! The first schema: links, accounts, tokens, keys and revocations.

mod device_codes;
mod revocations;
mod tokens;

use sea_orm_migration::sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

use crate::changes::{Changes, cascade, index, table};

pub(crate) fn changes(backend: DbBackend) -> Changes {
    let mut indexes = vec![unidentified()];
    indexes.extend(tokens::indexes());
    indexes.push(index(
        "ix_access_keys_account_id",
        "access_keys",
        ["account_id"],
    ));
    indexes.extend(device_codes::indexes());
    indexes.extend(revocations::indexes());
    Changes {
        tables: vec![
            service_keys(),
            accounts(),
            tokens::table(backend),
            access_keys(),
            device_codes::table(),
            revocations::table(),
        ],
        indexes,
        ..Changes::default()
    }
}

/// Returns the table of the sealed hash key, which is the key of all keyed hashes. The table has at most one row.
fn service_keys() -> TableCreateStatement {
    let only_one = Expr::col("id").eq(1);
    let id = big_integer("id").primary_key().check(only_one).to_owned();
    table("service_keys", [id, blob("hash_key")])
}

/// Returns the table of people's accounts at providers. No column is secret.
fn accounts() -> TableCreateStatement {
    table(
        "accounts",
        [
            big_pk_auto("id"),
            text("provider"),
            text("account_id"),
            boolean("identified"),
            text("display_name"),
            text("status"),
            text("scopes"),
            big_integer("created_at"),
            big_integer("linked_at"),
            text_null("last_error_code"),
            text_null("last_error_detail"),
        ],
    )
    .index(
        Index::create()
            .name("uq_accounts_provider_account_id")
            .col("provider")
            .col("account_id")
            .unique(),
    )
    .to_owned()
}

/// Returns an index over the accounts whose person the provider did not identify. Tokens of an unidentified person may
/// belong to any of these accounts.
fn unidentified() -> IndexCreateStatement {
    index("ix_accounts_provider", "accounts", ["provider"])
        .and_where(Expr::col("identified").not())
        .to_owned()
}

/// Returns the table of access keys. A key without an account gives no access, because its link is not complete.
fn access_keys() -> TableCreateStatement {
    table(
        "access_keys",
        [
            big_pk_auto("id"),
            blob_uniq("hash"),
            text("role"),
            text_null("name"),
            big_integer_null("account_id"),
            big_integer_null("expires_at"),
            big_integer("created_at"),
            big_integer_null("last_used_at"),
        ],
    )
    .foreign_key(&mut cascade("access_keys", "account_id", "accounts"))
    .to_owned()
}

/// Returns an index over the rows in which `column` is not NULL.
fn index_of_values(
    name: &'static str,
    table: &'static str,
    column: &'static str,
) -> IndexCreateStatement {
    index(name, table, [column])
        .and_where(Expr::col(column).is_not_null())
        .to_owned()
}

/// Returns a generated column with the later of `next_at` and `lease_until`. With an index over this column, a scan for
/// due rows skips waiting and leased rows.
fn due_at(column: &'static str, next_at: &'static str) -> ColumnDef {
    let leased_longer = Expr::col("lease_until").gt(Expr::col(next_at));
    let due = CaseStatement::new()
        .case(leased_longer, Expr::col("lease_until"))
        .finally(Expr::col(next_at));
    ColumnDef::new(column)
        .big_integer()
        .generated(due, true)
        .to_owned()
}
