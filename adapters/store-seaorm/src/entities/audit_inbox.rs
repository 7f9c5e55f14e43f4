//! Entries that have no number in the audit log yet.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_inbox")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub reference: Vec<u8>,
    pub at: i64,
    pub kind: String,
    pub actor: String,
    pub network: Option<String>,
    pub account_id: Option<i64>,
    pub key_id: Option<i64>,
    pub detail: String,
    pub mac: Vec<u8>,
}

table!();
