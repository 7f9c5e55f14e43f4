//! Schema 5: when a grant ends and cannot be extended. Empty while unknown.
//!
//! An older version that runs at the same time does not change the columns. An account that it links has no known end,
//! or that of the previous consent: people are warned too early, until the next consent. Refreshes and tokens are not
//! affected.

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
