//! Schema 22: MACs of the persons whose tokens links hold. A link without one fails with its return code, and its tokens are
//! revoked.

use sea_orm_migration::schema::blob_null;

use crate::changes::Changes;

pub(crate) fn changes() -> Changes {
    Changes {
        columns: vec![("device_codes", blob_null("owner_mac"))],
        ..Changes::default()
    }
}
