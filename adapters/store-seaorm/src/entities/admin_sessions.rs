use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "admin_sessions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub token: Vec<u8>,
    pub created_at: i64,
    pub seen_at: i64,
    pub mac: Vec<u8>,
}

table!();
