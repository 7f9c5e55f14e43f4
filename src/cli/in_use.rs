//! Finds out which services use a database.

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::ReplicaStore;
use central_oauth_domain::replica::{self, GONE_AFTER, Replica};

use super::print::printable;
use super::{Exit, Failure};
use crate::wiring;

pub(super) async fn running(
    store: &wiring::Store,
    now: Timestamp,
) -> Result<Vec<Replica>, Failure> {
    if !store.knows_replicas().await? {
        return Ok(Vec::new());
    }
    Ok(replica::running(store.replicas().await?, now))
}

pub(super) async fn refuse_if_in_use(store: &wiring::Store, now: Timestamp) -> Result<(), Failure> {
    let Some(running) = running(store, now).await?.pop() else {
        return Ok(());
    };
    let name = printable(&running.report.name);
    let ago = now.since(running.seen_at).as_secs();
    let wait = GONE_AFTER.as_secs();
    let message = format!(
        "the service {name} used this database {ago} s ago: stop it, then run this again. If it does not run any more \
         (it was killed, or the backup is that new), wait {wait} s"
    );
    Err(Failure::new(Exit::Other, message))
}
