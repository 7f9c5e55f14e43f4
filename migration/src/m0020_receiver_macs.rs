//! Schema 20: MACs of webhook receivers. The service treats a row without a MAC as altered, and sends the events to
//! this receiver again.

use sea_orm_migration::schema::blob_null;

use crate::changes::Changes;

pub(crate) fn changes() -> Changes {
    Changes {
        columns: vec![("webhook_receivers", blob_null("mac"))],
        ..Changes::default()
    }
}
