//! Schema 14: return codes. A link that requires a return code allows a limited number of attempts to send the code.
//! After the consent, the link holds the tokens and the person until the code is sent.
//!
//! An older version that runs at the same time ignores links that wait for their return codes, because it cannot read
//! them.
//!
//! Rolling back fails links that wait for their return codes, and deletes their tokens.

use sea_orm_migration::schema::*;

use crate::changes::Changes;

pub(crate) fn changes() -> Changes {
    Changes {
        columns: vec![
            ("device_codes", big_integer_null("return_code_tries")),
            ("device_codes", text_null("person")),
            ("device_codes", boolean_null("person_identified")),
            ("device_codes", text_null("person_name")),
        ],
        rows_down: &[
            "UPDATE device_codes SET state = 'failed', ended_at = expires_at, error_code = 'not_confirmed', \
             error_detail = 'the return code was not sent', access_token = NULL, refresh_token = NULL, \
             id_token = NULL, extra = NULL, poll_next_at = NULL, poll_interval = NULL, poll_failures = NULL, \
             lease_until = NULL WHERE state = 'confirming'",
        ],
        ..Changes::default()
    }
}
