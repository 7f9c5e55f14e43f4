use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revocations")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub reference: Vec<u8>,
    pub provider: String,
    pub person: Option<String>,
    /// The account that the tokens were of, which is gone.
    pub account_id: Option<i64>,
    pub token_endpoint: String,
    pub client_id: String,
    pub access_token: Option<Vec<u8>>,
    pub refresh_token: Option<Vec<u8>>,
    pub id_token: Option<Vec<u8>>,
    pub requested_at: i64,
    pub created_at: i64,
    pub status: Status,
    pub ended_at: Option<i64>,
    pub next_attempt_at: Option<i64>,
    pub lease_until: Option<i64>,
    pub lease_version: i64,
    /// The database works this one out.
    pub due_at: Option<i64>,
    pub failures: i64,
    pub last_error_code: Option<String>,
    pub last_error_detail: Option<String>,
    pub issuer: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Status {
    Pending,
    Revoked,
    Unsupported,
    Failed,
    Cancelled,
}

table!();
