use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_keys")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub hash: Vec<u8>,
    pub role: Role,
    pub name: Option<String>,
    pub account_id: Option<i64>,
    pub expires_at: Option<i64>,
    pub created_at: i64,
    pub last_used_at: Option<i64>,
    /// The keyed MAC of the row.
    pub mac: Option<Vec<u8>>,
    /// Who made the key: `link`, `operator`, or the number of another key.
    pub created_by: Option<String>,
    /// The networks that it may be used from, as CIDRs with spaces between.
    pub networks: Option<String>,
    pub uses_per_minute: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Role {
    Owner,
    Reader,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::accounts::Entity",
        from = "Column::AccountId",
        to = "super::accounts::Column::Id",
        on_delete = "Cascade"
    )]
    Account,
    /// The link of a key that gives no access yet; such a key has only one.
    #[sea_orm(
        belongs_to = "super::device_codes::Entity",
        from = "Column::Id",
        to = "super::device_codes::Column::AccessKeyId",
        on_condition = "Column::AccountId.is_null()"
    )]
    OpenLink,
}

impl Related<super::accounts::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Account.def()
    }
}

impl Related<super::device_codes::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::OpenLink.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
