//! `central-oauth rekey`: re-encrypts everything in the database with the current key.

use central_oauth_domain::ports::{DamagedRow, OwnerKind};
use central_oauth_domain::replica::Replica;
use central_oauth_domain::usecases::{Rekeyed, rekey};
use central_oauth_store_seaorm::{named_rows, table_of};

use super::help::{Notes, SEALED};
use super::in_use::running;
use super::migrate::unlocked_store;
use super::print::{self, printable};
use super::{Exit, Failure};
use crate::config::Environment;
use crate::wiring;

pub(super) const NOTES: Notes = Notes::of(&["central-oauth rekey"])
    .exits(&[Exit::WrongPin])
    .variables(SEALED);

pub(super) async fn run(environment: &Environment) -> Result<Exit, Failure> {
    let (store, vault) = unlocked_store(environment).await?;
    let rekeyed = rekey(&store, &vault).await?;
    let (store, clock) = wiring::with_clock(store).await?;
    let running = running(&store, clock.now()).await?;
    store.close().await?;
    print_result(&rekeyed, &running)
}

/// Lists the rows that were not re-encrypted, and says what to do about them.
fn unreadable(rows: &[(OwnerKind, DamagedRow)]) -> String {
    let rows = rows.iter().map(|(owners, row)| (table_of(*owners), row.0));
    let rows = named_rows(&Vec::from_iter(rows));
    format!(
        "these rows are damaged, or need a key that is not configured, and were not changed: {rows}. If there is \
         another previous key, add it to CENTRAL_OAUTH_PREVIOUS_SECRET_KEYS. Otherwise see docs/BACKUP.md#damaged-rows. \
         Then run this again"
    )
}

fn print_result(rekeyed: &Rekeyed, running: &[Replica]) -> Result<Exit, Failure> {
    let failed = |message: String| Err(Failure::new(Exit::Other, message));
    print::result(format_args!(
        "Rows re-encrypted with the current key: {}",
        rekeyed.resealed
    ))?;
    if !rekeyed.unreadable.is_empty() {
        return failed(unreadable(&rekeyed.unreadable));
    }
    if !rekeyed.left.is_empty() {
        let message = "a running service still encrypts with an old key: restart it with the current key, then run this again";
        return failed(message.to_owned());
    }
    if running.is_empty() {
        print::result("You can remove PREVIOUS_SECRET_KEYS now.")?;
        return Ok(Exit::Done);
    }
    // The database does not record which keys a service has, so all running services are listed.
    let names = running.iter().map(|one| printable(&one.report.name));
    let names = Vec::from_iter(names).join(", ");
    print::result(format_args!(
        "Running services, which need the current key to read these rows: {names}\n\
         You can remove PREVIOUS_SECRET_KEYS once each of them has it."
    ))?;
    Ok(Exit::Done)
}
