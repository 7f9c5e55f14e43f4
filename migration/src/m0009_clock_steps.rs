//! Schema 9: indexes that find times which were stored while a clock was ahead.

use sea_orm_migration::prelude::*;

use crate::changes::{Changes, index};

pub(crate) fn changes() -> Changes {
    // Tokens whose refresh has failed or is in progress. The index is small, because such tokens are few.
    let waiting = index("ix_tokens_waiting_until", "tokens", ["refresh_due_at"])
        .and_where(Expr::cust("failures > 0 OR lease_until IS NOT NULL"))
        .to_owned();
    let obtained = index("ix_tokens_obtained_at", "tokens", ["obtained_at"]);
    Changes {
        indexes: vec![waiting, obtained],
        ..Changes::default()
    }
}
