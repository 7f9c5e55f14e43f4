//! Schema 10: outages of providers, which all replicas share.

use sea_orm_migration::schema::*;

use crate::changes::{Changes, table};

pub(crate) fn changes() -> Changes {
    let columns = [
        big_pk_auto("id"),
        text_uniq("provider"),
        big_integer("version"),
        big_integer("probe_at"),
        big_integer("failed_probes"),
        text("fault_code"),
        text("fault_detail"),
        // The ids of the accounts that were probed, the latest last.
        text("probed"),
    ];
    Changes {
        tables: vec![table("outages", columns)],
        ..Changes::default()
    }
}
