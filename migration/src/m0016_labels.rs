//! Schema 16: labels of accounts, and indexes for lists of accounts.

use sea_orm_migration::{prelude::*, schema::*};

use crate::changes::{Changes, cascade, index, table};

pub(crate) fn changes() -> Changes {
    let columns = [
        big_pk_auto("id"),
        big_integer("account_id"),
        text("name"),
        text("value"),
    ];
    let labels = table("account_labels", columns)
        .index(
            Index::create()
                .name("uq_account_labels_account_id_name")
                .col("account_id")
                .col("name")
                .unique(),
        )
        .foreign_key(&mut cascade("account_labels", "account_id", "accounts"))
        .to_owned();
    Changes {
        tables: vec![labels],
        // One `name=value` per line.
        columns: vec![("device_codes", text_null("labels"))],
        // Each index ends with the account's id, because lists are ordered by it.
        indexes: vec![
            index(
                "ix_account_labels_name_value_account_id",
                "account_labels",
                ["name", "value", "account_id"],
            ),
            index("ix_accounts_status_id", "accounts", ["status", "id"]),
            index("ix_accounts_provider_id", "accounts", ["provider", "id"]),
        ],
        ..Changes::default()
    }
}
