//! Schema 2: replicas, the processes that share the database. An older version that runs at the same time is not
//! listed.

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
            // Unused. Earlier versions stored when this replica was the housekeeper.
            big_integer_null("keeps_house_since"),
            big_integer_null("keeps_house_until"),
        ],
    );
    Changes {
        tables: vec![replicas],
        ..Changes::default()
    }
}
