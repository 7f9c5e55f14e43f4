//! Schema 6: the keyed hash of a browser's callback. The hash stays when the callback itself is deleted, so that the
//! service recognises a repeated callback. NULL until the browser returns from the provider.
//!
//! An older version that runs at the same time leaves the column empty. If the browser repeats a callback that the
//! older version received, the repeated callback is rejected.

use sea_orm_migration::schema::blob_null;

use crate::changes::Changes;

pub(crate) fn changes() -> Changes {
    Changes {
        columns: vec![("device_codes", blob_null("callback_hash"))],
        ..Changes::default()
    }
}
