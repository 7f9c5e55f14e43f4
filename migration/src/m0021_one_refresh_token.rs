//! Schema 21: deletes spare refresh tokens, which came from superseded responses. In the chaos runs, a spare refresh
//! token never saved a grant.
//!
//! This version does not use the columns. They stay until the next minor version, because an older version that runs at
//! the same time still reads and writes them.

use crate::changes::Changes;

pub(crate) fn changes() -> Changes {
    Changes {
        rows_up: &[
            "UPDATE tokens SET spare_refresh_token = NULL WHERE spare_refresh_token IS NOT NULL",
            "UPDATE revocations SET spare_refresh_token = NULL WHERE spare_refresh_token IS NOT NULL",
        ],
        ..Changes::default()
    }
}
