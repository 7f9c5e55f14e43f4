use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_receivers")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
    pub version: i64,
    pub position: i64,
    pub lease_until: Option<i64>,
    pub next_attempt_at: Option<i64>,
    pub failures: i64,
    pub failing_since: Option<i64>,
    pub last_error_code: Option<String>,
    pub last_error_detail: Option<String>,
    pub delivered_at: Option<i64>,
    pub dropped: i64,
    /// The MAC of the row.
    pub mac: Option<Vec<u8>>,
}

table!();
