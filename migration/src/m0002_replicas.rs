//! Schema 2: replicas, which are the processes that share the database. Replicas of an older version are not listed.

use sea_orm_migration::schema::*;

use crate::changes::{Changes, table};

pub(crate) fn changes() -> Changes {
    let replicas = table(
        "replicas",
        [
            big_pk_auto("id"),
            // A random name for each start of a process.
            text_uniq("instance"),
            text("name"),
            text("version"),
            big_integer("started_at"),
            big_integer("seen_at"),
            // Unused. Earlier versions stored here the period in which the replica was the housekeeper.
            big_integer_null("keeps_house_since"),
            big_integer_null("keeps_house_until"),
        ],
    );
    Changes {
        tables: vec![replicas],
        ..Changes::default()
    }
}
