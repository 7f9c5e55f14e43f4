//! Workloads that may use accounts.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workloads")]
pub struct Model {
    /// The number of its key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// The keyed hash of issuer and claims.
    pub identity: Vec<u8>,
    /// The name of its policy.
    pub workload: String,
    pub issuer: String,
    /// One claim per line.
    pub claims: String,
    pub mac: Vec<u8>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::access_keys::Entity",
        from = "Column::Id",
        to = "super::access_keys::Column::Id"
    )]
    Key,
}

impl Related<super::access_keys::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Key.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
