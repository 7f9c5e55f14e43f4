//! Schema 7: a table for write tests, which check whether the database is writable.

use sea_orm_migration::schema::*;

use crate::changes::{Changes, table};

pub(crate) fn changes() -> Changes {
    // Random bytes, which nobody reads.
    let columns = [big_pk_auto("id"), blob("data")];
    Changes {
        tables: vec![table("write_tests", columns)],
        ..Changes::default()
    }
}
