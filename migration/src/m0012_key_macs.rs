//! Schema 12: the creator of each access key, the networks that may use the key, and the limit of its uses per minute.
//! A MAC of the row detects changes by people who can write to the database.
//!
//! A migration cannot add MACs, because a MAC needs the secret key. The service adds MACs to existing keys when this
//! version first starts. From then on, it rejects keys without a MAC, including keys that an older version creates.
//!
//! Rolling back deletes keys with limits, because an older version would not enforce these limits.

use sea_orm_migration::schema::*;

use crate::changes::Changes;

pub(crate) fn changes() -> Changes {
    Changes {
        columns: vec![
            // `mac` and `created_by` are NULL in rows of an older version.
            ("access_keys", blob_null("mac")),
            // `link`, `operator`, or the id of another key.
            ("access_keys", text_null("created_by")),
            // CIDR blocks, separated by spaces. NULL: any network.
            ("access_keys", text_null("networks")),
            // NULL: no limit.
            ("access_keys", big_integer_null("uses_per_minute")),
        ],
        rows_down: &[
            "DELETE FROM access_keys WHERE networks IS NOT NULL OR uses_per_minute IS NOT NULL",
        ],
        ..Changes::default()
    }
}
