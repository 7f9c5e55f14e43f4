//! Schema 11: keyed hashes of the networks that request and confirm links. The service uses the hashes to limit each
//! network, so that one network can neither fill the store nor flood a provider.
//!
//! An older version that runs at the same time leaves the columns NULL. Its links count for no network.

use sea_orm_migration::{prelude::*, schema::blob_null};

use crate::changes::{Changes, index};

pub(crate) fn changes() -> Changes {
    let has = |column: &'static str| Expr::col(column).is_not_null();
    let codes_of_network = index(
        "ix_device_codes_network_created_at",
        "device_codes",
        ["network", "created_at"],
    )
    .and_where(has("network"))
    .to_owned();
    // Open links that were confirmed from a network. Each confirmation counts these links.
    let underway = index(
        "ix_device_codes_confirmed_from_expires_at",
        "device_codes",
        ["confirmed_from", "expires_at"],
    )
    .and_where(has("confirmed_from"))
    .and_where(Expr::col("ended_at").is_null())
    .to_owned();
    // Due polls with their networks. The service polls the links of different networks in turn.
    let turns = index(
        "ix_device_codes_turns",
        "device_codes",
        ["poll_due_at", "confirmed_from"],
    )
    .and_where(has("poll_due_at"))
    .to_owned();
    let wrong_codes = index(
        "ix_wrong_codes_network_tried_at",
        "wrong_codes",
        ["network", "tried_at"],
    );
    Changes {
        columns: vec![
            // The keyed hash of the network, workload or account whose link codes are limited. NULL: no limit.
            ("device_codes", blob_null("network")),
            // The network of the browser that confirmed the link.
            ("device_codes", blob_null("confirmed_from")),
        ],
        indexes: vec![codes_of_network, underway, turns, wrong_codes],
        ..Changes::default()
    }
}
