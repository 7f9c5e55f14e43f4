//! What is tidied up now and then.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::ports::StoreError;
use central_oauth_domain::replica::CHECK_IN_EVERY;
use central_oauth_domain::usecases::{Housekeeping, Keys, Services};
use tokio::time::{Instant, sleep};

use super::Stop;

/// Rows deleted in one transaction.
const BATCH: u64 = 100;
/// How often it is forgotten what has ended.
const PURGE_EVERY: Duration = Duration::from_secs(300);
/// How often it is looked whether a clock that was ahead has left something.
const LOOK_FOR_CLOCK_STEPS_EVERY: Duration = Duration::from_secs(5);
/// How often it is written down when keys were last used.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// Says that this replica is there, undoes what a clock that was ahead has left, writes down when keys were last used, and,
/// while it is the one of all replicas to do so, forgets what has ended long ago; until told to stop.
pub(crate) async fn keep_house(services: Arc<Services>, mut stop: Stop) {
    let (mut purge_at, mut note_at) = (Instant::now(), Instant::now() + NOTE_EVERY);
    let mut duty = Duty {
        housekeeping: &services.housekeeping,
        is_ours: false,
        checked_in_at: Instant::now(),
    };
    duty.check_in().await;
    while !*stop.borrow() {
        if let Err(error) = services.housekeeping.undo_clock_steps().await {
            failed("clock steps", &error);
        }
        duty.is_still_ours().await;
        if duty.is_ours && purge_at <= Instant::now() {
            purge(&services, &mut duty, &stop).await;
            purge_at = Instant::now() + PURGE_EVERY;
        }
        if note_at <= Instant::now() {
            store_key_uses(&services.keys).await;
            note_at = Instant::now() + NOTE_EVERY;
        }
        tokio::select! {
            () = sleep(LOOK_FOR_CLOCK_STEPS_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
    store_key_uses(&services.keys).await;
    if let Err(error) = services.housekeeping.check_out().await {
        failed("this replica", &error);
    }
}

/// Whether this replica is the one that keeps house for all. That is so for a while only, and is to be renewed.
struct Duty<'a> {
    housekeeping: &'a Housekeeping,
    is_ours: bool,
    checked_in_at: Instant,
}

impl Duty<'_> {
    async fn check_in(&mut self) {
        let is_ours = match self.housekeeping.check_in().await {
            Ok(is_ours) => is_ours,
            Err(error) => {
                failed("this replica", &error);
                false
            }
        };
        if is_ours != self.is_ours {
            tracing::debug!(has_duty = is_ours, "housekeeping");
        }
        self.is_ours = is_ours;
        self.checked_in_at = Instant::now();
    }

    /// Whether it is ours still; says so again in time.
    async fn is_still_ours(&mut self) -> bool {
        if self.checked_in_at.elapsed() >= CHECK_IN_EVERY {
            self.check_in().await;
        }
        self.is_ours
    }
}

async fn store_key_uses(keys: &Keys) {
    if let Err(error) = keys.store_uses().await {
        failed("uses of keys", &error);
    }
}

/// Batch after batch, as long as there are whole ones.
async fn purge(services: &Services, duty: &mut Duty<'_>, stop: &Stop) {
    let mut goes_on = async || !*stop.borrow() && duty.is_still_ours().await;
    while goes_on().await && is_whole("ended links", services.links.purge(BATCH).await) {}
    while goes_on().await && is_whole("wrong codes", services.links.purge_guesses(BATCH).await) {}
    while goes_on().await && is_whole("ended revocations", services.revoker.purge(BATCH).await) {}
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
