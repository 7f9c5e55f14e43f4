//! The start and the head of the audit log, with a MAC.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_ends")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub start_number: i64,
    pub start_mac: Vec<u8>,
    pub head_number: i64,
    pub head_mac: Vec<u8>,
    pub mac: Vec<u8>,
}

table!();
