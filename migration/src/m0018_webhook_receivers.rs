//! Schema 18: the position of each webhook receiver in the audit log. Older versions send no webhooks.

use sea_orm_migration::schema::*;

use crate::changes::{Changes, table};

pub(crate) fn changes() -> Changes {
    let columns = [
        big_pk_auto("id"),
        text_uniq("name"),
        big_integer("version"),
        // The number of the last audit entry that was delivered, dropped or skipped.
        big_integer("position"),
        big_integer_null("lease_until"),
        big_integer_null("next_attempt_at"),
        big_integer("failures"),
        big_integer_null("failing_since"),
        text_null("last_error_code"),
        text_null("last_error_detail"),
        big_integer_null("delivered_at"),
        big_integer("dropped"),
    ];
    Changes {
        tables: vec![table("webhook_receivers", columns)],
        ..Changes::default()
    }
}
