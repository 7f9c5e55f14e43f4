//! Schema 5: the time when a grant ends. No refresh can extend the grant beyond this time. NULL while unknown.
//!
//! An older version that runs at the same time does not change these columns. If the older version links a new account,
//! the end of the grant is unknown. If it relinks an account, the end of the previous grant remains stored, and people
//! are warned too early until the next consent. Refreshes and tokens are not affected.

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
