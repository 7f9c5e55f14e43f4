//! Schema 15: workloads that may use accounts, single-use JWTs that workloads have used, and the claims that the page
//! shows when a workload requests a link.
//!
//! An older version that runs at the same time does not recognise workloads. If the older version deletes the key of a
//! workload, the row of the workload is deleted too.

use sea_orm_migration::{prelude::*, schema::*};

use crate::changes::{Changes, index, table};

pub(crate) fn changes() -> Changes {
    let mut key = ForeignKey::create()
        .from("workloads", "id")
        .to("access_keys", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned();
    let workloads = table(
        "workloads",
        [
            // The id of the workload's access key.
            big_pk_auto("id"),
            // The keyed hash of issuer and claims.
            blob("identity"),
            // The name of the workload's policy.
            text("workload"),
            text("issuer"),
            // One claim per line.
            text("claims"),
            blob("mac"),
        ],
    )
    .foreign_key(&mut key)
    .to_owned();
    let used_tokens = table(
        "used_tokens",
        [
            big_pk_auto("id"),
            // The keyed hash of the JWT's `jti`, or of its header and payload.
            blob_uniq("hash"),
            big_integer("expires_at"),
        ],
    );
    Changes {
        tables: vec![workloads, used_tokens],
        // The claims about the job, from the JWT of the workload that requested the link. One claim per line.
        columns: vec![("device_codes", text_null("workload"))],
        indexes: vec![
            index("ix_workloads_identity", "workloads", ["identity"]),
            // For the deletion of expired rows.
            index("ix_used_tokens_expires_at", "used_tokens", ["expires_at"]),
        ],
        ..Changes::default()
    }
}
