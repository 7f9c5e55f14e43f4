//! Schema 20: MACs of webhook receivers. A row without a MAC counts as altered, and its events are sent again.

use sea_orm_migration::schema::blob_null;

use crate::changes::Changes;

pub(crate) fn changes() -> Changes {
    Changes {
        columns: vec![("webhook_receivers", blob_null("mac"))],
        ..Changes::default()
    }
}
