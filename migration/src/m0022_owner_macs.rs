//! Schema 22: a MAC of the person whose tokens a link holds. If the MAC is missing or wrong when the return code is
//! sent, the link fails and the tokens are revoked.

use sea_orm_migration::schema::blob_null;

use crate::changes::Changes;

pub(crate) fn changes() -> Changes {
    Changes {
        columns: vec![("device_codes", blob_null("owner_mac"))],
        ..Changes::default()
    }
}
