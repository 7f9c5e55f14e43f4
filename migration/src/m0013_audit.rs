//! Schema 13: the audit log.
//!
//! An older version that runs at the same time writes no audit entries.

use sea_orm_migration::{prelude::TableCreateStatement, schema::*};

use crate::changes::{Changes, index, table};

pub(crate) fn changes() -> Changes {
    // A table of one row, with the start and the head of the log.
    let ends = table(
        "audit_ends",
        [
            big_pk_auto("id"),
            big_integer("start_number"),
            blob("start_mac"),
            big_integer("head_number"),
            blob("head_mac"),
            blob("mac"),
        ],
    );
    // Indexes for the filters of the log.
    let indexes = [
        ("ix_audit_log_account_id", "account_id"),
        ("ix_audit_log_key_id", "key_id"),
        ("ix_audit_log_kind", "kind"),
        ("ix_audit_log_at", "at"),
    ];
    let indexes = indexes.map(|(name, column)| index(name, "audit_log", [column, "id"]));
    Changes {
        // The inbox holds entries that have no number in the log yet. Rows of the log are never changed; old rows are
        // deleted.
        tables: vec![entries("audit_inbox"), entries("audit_log"), ends],
        indexes: indexes.into(),
        ..Changes::default()
    }
}

fn entries(name: &'static str) -> TableCreateStatement {
    table(
        name,
        [
            // In `audit_log`, the number of the entry.
            big_pk_auto("id"),
            // Identifies the entry. If a write is retried, the entry is still stored only once.
            blob_uniq("reference"),
            big_integer("at"),
            text("kind"),
            text("actor"),
            text_null("network"),
            // The account and the key of the event. These columns are not foreign keys, because the rows may have been
            // deleted.
            big_integer_null("account_id"),
            big_integer_null("key_id"),
            text("detail"),
            blob("mac"),
        ],
    )
}
