//! Schema 17: sessions of operators at the page `/admin`. Older versions do not have this page.

use sea_orm_migration::schema::*;

use crate::changes::{Changes, index, table};

pub(crate) fn changes() -> Changes {
    let columns = [
        big_pk_auto("id"),
        // The keyed hash of the cookie.
        blob_uniq("token"),
        big_integer("created_at"),
        big_integer("seen_at"),
        blob("mac"),
    ];
    Changes {
        tables: vec![table("admin_sessions", columns)],
        // For the deletion of idle sessions.
        indexes: vec![index(
            "ix_admin_sessions_seen_at",
            "admin_sessions",
            ["seen_at"],
        )],
        ..Changes::default()
    }
}
