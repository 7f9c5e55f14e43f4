//! Workloads that may use accounts.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workloads")]
pub struct Model {
    /// The id of the workload's access key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// The keyed hash of issuer and claims.
    pub identity: Vec<u8>,
    /// The name of the workload's policy.
    pub workload: String,
    pub issuer: String,
    /// One claim per line.
    pub claims: String,
    pub mac: Vec<u8>,
}

belongs_to!(access_keys, Id);
table!();
