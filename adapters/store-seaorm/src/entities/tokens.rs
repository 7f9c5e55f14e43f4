//! Tokens.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tokens")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub account_id: i64,
    /// The account's, which never changes.
    pub provider: String,
    pub generation: i64,
    pub access_token: Vec<u8>,
    pub refresh_token: Option<Vec<u8>>,
    pub spare_refresh_token: Option<Vec<u8>>,
    /// What the sealed values start with, one after the other. The database works this one out.
    pub sealed_with: Option<Vec<u8>>,
    pub token_endpoint: String,
    pub client_id: String,
    pub access_token_expires_at: Option<i64>,
    pub refresh_token_expires_at: Option<i64>,
    pub obtained_at: i64,
    pub last_refreshed_at: Option<i64>,
    pub next_refresh_at: Option<i64>,
    pub lease_until: Option<i64>,
    pub lease_version: i64,
    /// The database works this one out.
    pub refresh_due_at: Option<i64>,
    pub failures: i64,
    pub ambiguous: bool,
    pub refused_since: Option<i64>,
    /// Whether using the refresh token puts its end off, as far as its use has shown.
    pub renewed_by_use: Option<bool>,
    /// When the grant ends whatever is done, as far as is known.
    pub grant_expires_at: Option<i64>,
    /// The issuer whose metadata name the token endpoint.
    pub issuer: Option<String>,
    /// Sealed: members of the token answer for clients.
    pub extra: Option<Vec<u8>>,
    pub access_token_lifetime: Option<i64>,
    /// The `exp` of an access token that has no other end.
    pub access_token_hinted_end: Option<i64>,
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
}

impl Related<super::accounts::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Account.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
