//! Wrong link codes that were tried.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "wrong_codes")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub network: Vec<u8>,
    pub tried_at: i64,
}

table!();
