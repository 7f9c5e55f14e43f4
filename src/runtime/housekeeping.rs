//! What is tidied up now and then.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::ports::StoreError;
use central_oauth_domain::replica::CHECK_IN_EVERY;
use central_oauth_domain::usecases::Broker;
use tokio::time::{Instant, sleep};

use super::Stop;

/// Rows deleted in one transaction.
const BATCH: u64 = 100;
/// How often it is forgotten what has ended.
const PURGE_EVERY: Duration = Duration::from_secs(300);
/// How often it is written down when keys were last used.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// Says that this replica is there, writes down when keys were last used, and, while it is the one of all replicas to do
/// so, forgets what has ended long ago; until told to stop.
pub(crate) async fn keep_house(broker: Arc<Broker>, mut stop: Stop) {
    let (mut purge_at, mut note_at) = (Instant::now(), Instant::now() + NOTE_EVERY);
    let mut had_duty = false;
    while !*stop.borrow() {
        let has_duty = check_in(&broker, &mut had_duty).await;
        if has_duty && purge_at <= Instant::now() {
            purge(&broker, &stop).await;
            purge_at = Instant::now() + PURGE_EVERY;
        }
        if note_at <= Instant::now() {
            note_key_uses(&broker).await;
            note_at = Instant::now() + NOTE_EVERY;
        }
        tokio::select! {
            () = sleep(CHECK_IN_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
    note_key_uses(&broker).await;
    if let Err(error) = broker.check_out().await {
        failed("this replica", &error);
    }
}

async fn check_in(broker: &Broker, had_duty: &mut bool) -> bool {
    let has_duty = match broker.check_in().await {
        Ok(has_duty) => has_duty,
        Err(error) => {
            failed("this replica", &error);
            false
        }
    };
    if has_duty != *had_duty {
        tracing::debug!(has_duty, "housekeeping");
    }
    *had_duty = has_duty;
    has_duty
}

async fn note_key_uses(broker: &Broker) {
    if let Err(error) = broker.note_key_uses().await {
        failed("uses of keys", &error);
    }
}

/// Batch after batch, as long as there are whole ones.
async fn purge(broker: &Broker, stop: &Stop) {
    let goes_on = || !*stop.borrow();
    while goes_on() && is_whole("ended links", broker.purge_links(BATCH).await) {}
    while goes_on() && is_whole("wrong codes", broker.purge_guesses(BATCH).await) {}
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
