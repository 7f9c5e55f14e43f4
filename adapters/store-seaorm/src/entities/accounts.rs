use sea_orm::FromQueryResult;
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub provider: String,
    pub account_id: String,
    pub identified: bool,
    pub display_name: String,
    pub status: Status,
    /// Separated by spaces, which no scope contains (RFC 6749 section 3.3).
    pub scopes: String,
    pub created_at: i64,
    pub linked_at: i64,
    pub last_error_code: Option<String>,
    pub last_error_detail: Option<String>,
}

/// The columns that bind a key to its account. They can be read even if other columns of the row are damaged.
#[derive(FromQueryResult)]
pub struct Person {
    pub id: i64,
    pub provider: String,
    pub account_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Status {
    Active,
    #[default]
    Degraded,
    RelinkRequired,
}

table!();
