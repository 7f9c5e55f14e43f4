//! Schema 5: the time when a grant ends and no refresh can extend it. Empty while unknown.
//!
//! An older version that runs at the same time does not change these columns. If it links a new account, the end is
//! unknown. If it relinks an account, the end of the previous consent remains, and people are warned too early until
//! the next consent. Refreshes and tokens are not affected.

use sea_orm_migration::schema::big_integer_null;

use crate::changes::Changes;

pub(crate) fn changes() -> Changes {
    let tables = ["tokens", "device_codes"];
    let columns = tables.map(|table| (table, big_integer_null("grant_expires_at")));
    Changes {
        columns: columns.into(),
        ..Changes::default()
    }
}
