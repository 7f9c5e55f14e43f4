//! Schema 3: wrong link codes that were tried. Replicas of an older version count wrong codes separately.

use sea_orm_migration::schema::*;

use crate::changes::{Changes, index, table};

pub(crate) fn changes() -> Changes {
    let columns = [
        big_pk_auto("id"),
        // The keyed hash of the network.
        blob("network"),
        big_integer("tried_at"),
    ];
    Changes {
        tables: vec![table("wrong_codes", columns)],
        // For queries that count the latest attempts, and for the deletion of the oldest.
        indexes: vec![index(
            "ix_wrong_codes_tried_at",
            "wrong_codes",
            ["tried_at"],
        )],
        ..Changes::default()
    }
}
