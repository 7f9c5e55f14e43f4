use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outages")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub provider: String,
    pub version: i64,
    pub probe_at: i64,
    /// The value of `Outage::first_probes`. The column's name is from an earlier version.
    pub failed_probes: i64,
    pub fault_code: String,
    pub fault_detail: String,
    /// The ids of the accounts that were probed, separated by spaces, the latest last: `8 7*3 9` if account 7 was
    /// probed three times.
    pub probed: String,
}

table!();
