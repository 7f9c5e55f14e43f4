//! Schema 23: an index that finds expired access keys. Older versions do not delete them.

use sea_orm_migration::prelude::*;

use crate::changes::{Changes, index};

pub(crate) fn changes() -> Changes {
    let of_expiring = index("ix_access_keys_expires_at", "access_keys", ["expires_at"])
        .and_where(Expr::col("expires_at").is_not_null())
        .to_owned();
    Changes {
        indexes: vec![of_expiring],
        ..Changes::default()
    }
}
