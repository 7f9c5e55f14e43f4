use sea_orm::entity::prelude::*;
use sea_orm::sea_query::IntoCondition;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_keys")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub hash: Vec<u8>,
    pub role: Role,
    pub name: Option<String>,
    pub account_id: Option<i64>,
    pub expires_at: Option<i64>,
    pub created_at: i64,
    pub last_used_at: Option<i64>,
    /// The MAC of the row.
    pub mac: Option<Vec<u8>>,
    /// Who created the key: `link`, `operator`, or the id of another key.
    pub created_by: Option<String>,
    /// The networks that may use the key, as CIDRs separated by spaces.
    pub networks: Option<String>,
    pub uses_per_minute: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Role {
    Owner,
    Reader,
}

belongs_to!(accounts, AccountId);

/// The join from an inert key, which has no account yet, to its only link.
impl Related<super::device_codes::Entity> for Entity {
    fn to() -> RelationDef {
        let link = Self::belongs_to(super::device_codes::Entity).from(Column::Id);
        let link = link.to(super::device_codes::Column::AccessKeyId);
        link.on_condition(|_, _| Column::AccountId.is_null().into_condition())
            .into()
    }
}

table!();
