//! Processes that share the database.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "replicas")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub instance: String,
    pub name: String,
    pub version: String,
    pub started_at: i64,
    pub seen_at: i64,
}

table!();
