//! What is tidied up now and then.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::Broker;
use tokio::time::{Instant, sleep};

use super::Stop;

/// Rows deleted in one transaction.
const BATCH: u64 = 100;
/// How often it is forgotten what has ended.
const PURGE_EVERY: Duration = Duration::from_secs(300);
/// How often it is written down when keys were last used.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// Forgets what has ended long ago and writes down when keys were last used, until told to stop.
pub(crate) async fn keep_house(broker: Arc<Broker>, mut stop: Stop) {
    let mut purge_at = Instant::now();
    while !*stop.borrow() {
        if purge_at <= Instant::now() {
            purge(&broker, &stop).await;
            purge_at = Instant::now() + PURGE_EVERY;
        }
        tokio::select! {
            () = sleep(NOTE_EVERY) => {}
            _ = stop.changed() => {}
        }
        if let Err(error) = broker.note_key_uses().await {
            failed("uses of keys", &error);
        }
    }
}

/// Batch after batch, as long as there are whole ones.
async fn purge(broker: &Broker, stop: &Stop) {
    let goes_on = || !*stop.borrow();
    while goes_on() && is_whole("ended links", broker.purge_links(BATCH).await) {}
    let revocations = broker.revocations();
    while goes_on() && is_whole("ended revocations", revocations.purge(BATCH).await) {}
}

fn is_whole(what: &str, purged: Result<u64, StoreError>) -> bool {
    match purged {
        Ok(rows) => rows == BATCH,
        Err(error) => {
            failed(what, &error);
            false
        }
    }
}

fn failed(what: &str, error: &StoreError) {
    let error = error as &dyn Error;
    tracing::error!(what, error, "the store could not be tidied up");
}
