//! Schema 4: whether a refresh extends the lifetime of the refresh token. NULL while unknown. An older version that
//! runs at the same time does not change this column.

use sea_orm_migration::schema::boolean_null;

use crate::changes::Changes;

pub(crate) fn changes() -> Changes {
    Changes {
        columns: vec![("tokens", boolean_null("renewed_by_use"))],
        ..Changes::default()
    }
}
