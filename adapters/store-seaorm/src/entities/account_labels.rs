use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_labels")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub account_id: i64,
    pub name: String,
    pub value: String,
}

impl Related<super::accounts::Entity> for Entity {
    fn to() -> RelationDef {
        let account = Self::belongs_to(super::accounts::Entity).from(Column::AccountId);
        account.to(super::accounts::Column::Id).into()
    }
}

impl Related<Entity> for super::accounts::Entity {
    fn to() -> RelationDef {
        <Entity as Related<Self>>::to().rev()
    }
}

table!();
