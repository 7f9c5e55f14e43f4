//! Links.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "device_codes")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub version: i64,
    #[sea_orm(unique)]
    pub code_hash: Vec<u8>,
    pub access_key_id: i64,
    pub relink_of: Option<i64>,
    pub provider: String,
    pub client_name: Option<String>,
    pub address: Option<String>,
    /// The keyed hash of the network that asked, if its link codes are limited.
    pub network: Option<Vec<u8>>,
    pub created_at: i64,
    pub expires_at: i64,
    pub browser_hash: Option<Vec<u8>>,
    /// The keyed hash of the network from which the browser confirmed.
    pub confirmed_from: Option<Vec<u8>>,
    pub state: State,
    pub ended_at: Option<i64>,
    /// The account that the link led to.
    pub account_id: Option<i64>,
    pub error_code: Option<String>,
    pub error_detail: Option<String>,

    pub poll_interval: Option<i64>,
    pub poll_failures: Option<i64>,
    pub poll_next_at: Option<i64>,
    pub lease_until: Option<i64>,
    /// The database works this one out.
    pub poll_due_at: Option<i64>,

    pub device_code: Option<Vec<u8>>,
    pub user_code: Option<Vec<u8>>,
    /// Sealed: the address with the code in it, or the one to visit.
    pub verification_uri_complete: Option<Vec<u8>>,
    /// The address to type the code at.
    pub verification_uri: Option<String>,
    /// Sealed: what the provider has sent the browser back with.
    pub callback: Option<Vec<u8>>,
    /// The keyed hash of that answer. It stays when the answer is wiped.
    pub callback_hash: Option<Vec<u8>>,

    pub access_token: Option<Vec<u8>>,
    pub refresh_token: Option<Vec<u8>>,
    pub id_token: Option<Vec<u8>>,
    pub scopes: Option<String>,
    pub requested_at: Option<i64>,
    pub access_token_expires_at: Option<i64>,
    pub refresh_token_expires_at: Option<i64>,
    pub token_endpoint: Option<String>,
    pub client_id: Option<String>,
    pub grant_expires_at: Option<i64>,
    pub issuer: Option<String>,
    /// Sealed.
    pub extra: Option<Vec<u8>>,
    pub access_token_hinted_end: Option<i64>,
    /// One `name=value` a line: a name has no `=`, and a value no line break.
    pub labels: Option<String>,

    /// The return codes that may still be tried; null if the link asks for none.
    pub return_code_tries: Option<i64>,
    /// Whose tokens are held: the id of the account.
    pub person: Option<String>,
    pub person_identified: Option<bool>,
    pub person_name: Option<String>,
    /// What the JWT of a workload says about the job that asks, a line each.
    pub workload: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum State {
    Pending,
    Authorizing,
    Redeemed,
    Confirming,
    Linked,
    Denied,
    Expired,
    Failed,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
