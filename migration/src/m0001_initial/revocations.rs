//! The outbox: tokens to revoke at the provider, and the outcome of each revocation.

use sea_orm_migration::{prelude::*, schema::*};

use super::{due_at, index_of_values};
use crate::changes::{self, index};

pub(super) fn table() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        // Random bytes, which are the associated data of the sealed tokens.
        blob_uniq("reference"),
        text("provider"),
        // The person's id at the provider, if known.
        text_null("person"),
        // The account of the tokens. This column is not a foreign key, because the account may have been deleted.
        big_integer_null("account_id"),
        text("token_endpoint"),
        text("client_id"),
        // The sealed tokens, until the revocation ends.
        blob_null("access_token"),
        blob_null("refresh_token"),
        blob_null("spare_refresh_token"),
        blob_null("id_token"),
        big_integer("requested_at"),
        big_integer("created_at"),
        text("status"),
        big_integer_null("ended_at"),
        big_integer_null("next_attempt_at"),
        big_integer_null("lease_until"),
        big_integer("lease_version"),
        due_at("due_at", "next_attempt_at"),
        big_integer("failures"),
        text_null("last_error_code"),
        text_null("last_error_detail"),
    ];
    changes::table("revocations", columns)
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    // When a person links again, the service cancels the person's pending revocations.
    let name = "ix_revocations_provider_person";
    let of_person = index(name, "revocations", ["provider", "person"])
        .and_where(Expr::col("ended_at").is_null())
        .to_owned();
    vec![
        index_of_values("ix_revocations_due_at", "revocations", "due_at"),
        index_of_values("ix_revocations_ended_at", "revocations", "ended_at"),
        of_person,
    ]
}
