//! Schema 19: the end of an account's grant that was last announced. Older versions do not announce ends of grants.

use sea_orm_migration::{prelude::*, schema::*};

use crate::changes::{Changes, cascade, index, table};

pub(crate) fn changes() -> Changes {
    let columns = [
        big_pk_auto("id"),
        big_integer_uniq("account_id"),
        big_integer("ends_at"),
    ];
    let announced = table("announced_ends", columns)
        .foreign_key(&mut cascade("announced_ends", "account_id", "accounts"))
        .to_owned();
    // Few grants have an end that no refresh can extend, so these indexes are small.
    let ends = |name, column, condition| {
        index(name, "tokens", [column])
            .and_where(condition)
            .to_owned()
    };
    Changes {
        tables: vec![announced],
        indexes: vec![
            ends(
                "ix_tokens_grant_expires_at",
                "grant_expires_at",
                Expr::col("grant_expires_at").is_not_null(),
            ),
            ends(
                "ix_tokens_refresh_token_expires_at",
                "refresh_token_expires_at",
                Expr::cust("NOT renewed_by_use"),
            ),
            ends(
                "ix_tokens_access_token_expires_at",
                "access_token_expires_at",
                Expr::col("refresh_token").is_null(),
            ),
        ],
        ..Changes::default()
    }
}
