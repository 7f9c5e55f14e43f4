use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::usecases::AuditLog;
use tokio::time::timeout;

use super::{Stop, pause};

const STORE_EVERY: Duration = Duration::from_secs(1);
/// How long a stopping process tries to store the last entries.
const TO_STORE_LAST: Duration = Duration::from_secs(3);

/// Stores entries and appends them to the log every second, until told to stop. While the store fails, the entries wait
/// in memory.
pub(crate) async fn store_audit_entries(log: Arc<AuditLog>, mut stop: Stop) {
    let mut is_behind = false;
    while !*stop.borrow() {
        // If this write is cancelled, `store_last_audit_entries` stores its entries.
        let stored = tokio::select! {
            stored = log.store(false) => stored,
            _ = stop.changed() => return,
        };
        match (&stored, is_behind) {
            (Err(error), false) => {
                let error = error as &dyn Error;
                tracing::error!(
                    error,
                    "audit entries could not be stored; they wait in memory"
                );
            }
            (Ok(()), true) => tracing::info!("audit entries are stored again"),
            _ => {}
        }
        is_behind = stored.is_err();
        pause(STORE_EVERY, &mut stop).await;
    }
}

/// Stores all entries and counts of a stopping process.
pub(crate) async fn store_last_audit_entries(log: &AuditLog) {
    match timeout(TO_STORE_LAST, log.store(true)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let error = &error as &dyn Error;
            tracing::error!(
                error,
                "the last audit entries could not be stored; they are lost"
            );
        }
        Err(_) => tracing::error!("the last audit entries could not be stored in time"),
    }
}
