//! Changes the database of a running service, as somebody who can write to it does.

use std::time::Duration;

use sea_orm::ConnectionTrait as _;
use tokio::time::sleep;

use crate::support::service::Service;

/// Longer than a token is cached.
const FORGOTTEN: Duration = Duration::from_millis(600);

/// Executes a statement, and waits until the service has forgotten what it read before.
pub(super) async fn execute(service: &Service, sql: &str) {
    let file = service.file("central-oauth.sqlite3");
    let url = format!("sqlite://{}", file.display());
    let db = sea_orm::Database::connect(url).await.unwrap();
    db.execute_unprepared(sql).await.unwrap();
    db.close().await.unwrap();
    sleep(FORGOTTEN).await;
}
