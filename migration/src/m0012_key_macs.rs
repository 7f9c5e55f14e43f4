//! Schema 12: protection of access keys from people who can write to the database, and limits of keys: the MAC of a
//! row, who made the key, its networks, and its uses per minute.
//!
//! The MAC needs the secret key, so the service adds it at its first start to existing keys. From then on keys without
//! a MAC are rejected, including those that an older version creates at the same time.
//!
//! Rolling back deletes keys with limits, because an older version would not enforce them.

use sea_orm_migration::schema::*;

use crate::changes::Changes;

pub(crate) fn changes() -> Changes {
    Changes {
        columns: vec![
            // These two are empty in rows of an older version.
            ("access_keys", blob_null("mac")),
            // `link`, `operator`, or the number of another key.
            ("access_keys", text_null("created_by")),
            // CIDRs with spaces between; empty for any network.
            ("access_keys", text_null("networks")),
            // Empty without a limit.
            ("access_keys", big_integer_null("uses_per_minute")),
        ],
        rows_down: &[
            "DELETE FROM access_keys WHERE networks IS NOT NULL OR uses_per_minute IS NOT NULL",
        ],
        ..Changes::default()
    }
}
