use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::ports::StoreError;
use central_oauth_domain::replica::CHECK_IN_EVERY;
use central_oauth_domain::usecases::Services;
use tokio::time::{Instant, timeout};

use super::{Stop, pause};

/// Rows per transaction.
const BATCH: u64 = 100;
/// How long the start and the stop of the service wait for a check-in or check-out of this replica.
const CHECK_IN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a purge may delay the other housekeeping.
const PURGE_FOR: Duration = Duration::from_secs(10);
/// How often links, revocations and other rows that have ended are deleted.
const PURGE_EVERY: Duration = Duration::from_secs(60);
/// How often to repair times that were stored while a clock was ahead.
const LOOK_FOR_CLOCK_STEPS_EVERY: Duration = Duration::from_secs(5);
/// How often grants that end soon are looked for.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(60);
/// How often the last use of each key is stored. The loop adds up to 15 s, so a use is stored within a minute.
const NOTE_EVERY: Duration = Duration::from_secs(40);

/// Checks this replica in before it answers the first request. Otherwise a command could conclude that no service uses
/// the database. The service starts even if the store is slow or fails.
pub(crate) async fn check_in_first(services: &Services) {
    // After a timeout or a failure, `stay_checked_in` checks the replica in.
    let _ = timeout(CHECK_IN_TIMEOUT, check_in(services)).await;
}

/// Checks this replica in regularly, until no other part of the service uses the store any more. Then checks it out.
/// Commands that must not run beside a service, such as `migrate down`, look for checked-in replicas.
pub(crate) async fn stay_checked_in(services: Arc<Services>, mut others_ended: Stop) {
    while !*others_ended.borrow() {
        check_in(&services).await;
        pause(CHECK_IN_EVERY, &mut others_ended).await;
    }
    let check_out = timeout(CHECK_IN_TIMEOUT, services.housekeeping.check_out());
    if let Ok(checked_out) = check_out.await {
        done("this replica", checked_out);
    }
}

async fn check_in(services: &Services) {
    done("this replica", services.housekeeping.check_in().await);
}

/// Repairs times that were stored while a clock was ahead, stores when keys were last used, announces grants that end
/// soon, and deletes old rows, until told to stop. Every replica does all of this, on different rows.
pub(crate) async fn run_housekeeping(services: Arc<Services>, mut stop: Stop) {
    let (mut purge_at, mut announce_at) = (Instant::now(), Instant::now());
    let mut note_at = Instant::now() + NOTE_EVERY;
    while !*stop.borrow() {
        done(
            "clock steps",
            services.housekeeping.undo_clock_steps().await,
        );
        if purge_at <= Instant::now() && purge(&services, &stop).await {
            purge_at = Instant::now() + PURGE_EVERY;
        }
        if announce_at <= Instant::now() {
            let ends = &services.grant_ends;
            let has_more = [
                done("ends of grants", ends.announce(BATCH).await),
                done("expired accounts", ends.give_up_expired(BATCH).await),
            ];
            if has_more == [Some(false); 2] {
                announce_at = Instant::now() + ANNOUNCE_EVERY;
            }
        }
        if note_at <= Instant::now() {
            done("uses of keys", services.keys.store_uses().await);
            note_at = Instant::now() + NOTE_EVERY;
        }
        pause(LOOK_FOR_CLOCK_STEPS_EVERY, &mut stop).await;
    }
    done("uses of keys", services.keys.store_uses().await);
}

/// Deletes old rows in batches for [`PURGE_FOR`]. Returns whether everything was deleted.
pub(super) async fn purge(services: &Services, stop: &Stop) -> bool {
    let began_at = Instant::now();
    let goes_on = || !*stop.borrow() && began_at.elapsed() < PURGE_FOR;
    let housekeeping = &services.housekeeping;
    let mut keys = Some(BATCH);
    while goes_on() && keys == Some(BATCH) {
        keys = done("expired keys", housekeeping.purge_keys(BATCH).await);
    }
    while goes_on() && is_full_batch("ended links", services.links.purge(BATCH).await) {}
    while goes_on() && is_full_batch("wrong codes", services.links.purge_guesses(BATCH).await) {}
    while goes_on() && is_full_batch("ended revocations", services.revoker.purge(BATCH).await) {}
    let workloads = &services.workloads;
    while goes_on() && is_full_batch("used tokens", workloads.purge_used_tokens(BATCH).await) {}
    while goes_on() && is_full_batch("ended sessions", services.admin_sessions.purge(BATCH).await) {
    }
    // The times in the audit log show `purge_keys` whether the clock is ahead, so they stay until it has succeeded.
    let audit = &services.audit;
    while goes_on()
        && keys.is_some()
        && is_full_batch("old audit entries", audit.purge(BATCH).await)
    {}
    goes_on() && keys.is_some()
}

fn is_full_batch(what: &str, purged: Result<u64, StoreError>) -> bool {
    done(what, purged) == Some(BATCH)
}

fn done<T>(what: &str, result: Result<T, StoreError>) -> Option<T> {
    result
        .inspect_err(|error| {
            let error = error as &dyn Error;
            tracing::error!(what, error, "housekeeping of the store failed");
        })
        .ok()
}
