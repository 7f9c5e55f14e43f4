//! Links, from the creation of the link code to the end of the consent.

use sea_orm_migration::{prelude::*, schema::*};

use super::{due_at, index_of_values};
use crate::changes::{self, cascade, index};

pub(super) fn table() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("version"),
        blob_uniq("code_hash"),
        big_integer("access_key_id"),
        big_integer_null("relink_of"),
        text("provider"),
        text_null("client_name"),
        text_null("address"),
        big_integer("created_at"),
        big_integer("expires_at"),
        blob_null("browser_hash"),
        text("state"),
        big_integer_null("ended_at"),
        // The account that this link created or relinked.
        big_integer_null("account_id"),
        text_null("error_code"),
        text_null("error_detail"),
        big_integer_null("poll_interval"),
        big_integer_null("poll_failures"),
        big_integer_null("poll_next_at"),
        big_integer_null("lease_until"),
        due_at("poll_due_at", "poll_next_at"),
        // The state of the consent flow while it is in progress. All of these columns except `verification_uri` are
        // secret and sealed.
        blob_null("device_code"),
        blob_null("user_code"),
        blob_null("verification_uri_complete"),
        text_null("verification_uri"),
        // The sealed query string of the browser's callback.
        blob_null("callback"),
        // The sealed tokens, until they move to an account or to the outbox.
        blob_null("access_token"),
        blob_null("refresh_token"),
        blob_null("id_token"),
        // Data about these tokens.
        text_null("scopes"),
        big_integer_null("requested_at"),
        big_integer_null("access_token_expires_at"),
        big_integer_null("refresh_token_expires_at"),
        text_null("token_endpoint"),
        text_null("client_id"),
    ];
    changes::table("device_codes", columns)
        .foreign_key(&mut cascade("device_codes", "access_key_id", "access_keys"))
        .foreign_key(&mut cascade("device_codes", "relink_of", "accounts"))
        .foreign_key(&mut cascade("device_codes", "account_id", "accounts"))
        .to_owned()
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    let of = |name, column| index(name, "device_codes", [column]);
    // Open links are counted and deleted by `expires_at`. Ended links are deleted by `ended_at`.
    let open = of("ix_device_codes_expires_at", "expires_at")
        .and_where(Expr::col("ended_at").is_null())
        .to_owned();
    vec![
        index_of_values("ix_device_codes_poll_due_at", "device_codes", "poll_due_at"),
        open,
        index_of_values("ix_device_codes_ended_at", "device_codes", "ended_at"),
        // Indexes of the foreign keys. Without them, a cascading deletion would scan the table.
        of("ix_device_codes_access_key_id", "access_key_id"),
        of("ix_device_codes_relink_of", "relink_of"),
        of("ix_device_codes_account_id", "account_id"),
    ]
}
