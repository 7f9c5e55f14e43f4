//! Schema 8: the issuer of tokens, the extra members of token responses (sealed), the lifetime of access tokens, and
//! the `exp` of an access token whose response had no `expires_in`. NULL while unknown.
//!
//! An older version that runs at the same time does not change these columns. After a refresh by the older version, the
//! columns hold the values of an earlier response until the next refresh by this version.

use sea_orm_migration::schema::*;

use crate::changes::Changes;

pub(crate) fn changes() -> Changes {
    Changes {
        columns: vec![
            ("tokens", text_null("issuer")),
            ("tokens", blob_null("extra")),
            ("tokens", big_integer_null("access_token_lifetime")),
            ("tokens", big_integer_null("access_token_hinted_end")),
            ("device_codes", text_null("issuer")),
            ("device_codes", blob_null("extra")),
            ("device_codes", big_integer_null("access_token_hinted_end")),
            ("revocations", text_null("issuer")),
        ],
        ..Changes::default()
    }
}
