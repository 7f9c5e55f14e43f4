//! `central-oauth copy`: copies a database into another one.

mod progress;

use std::sync::Arc;

use central_oauth_domain::ports::StoreError;
use central_oauth_store_seaorm::{CopyError, CopyReport, TableCount, copy};

use super::help::{Notes, SEALED};
use super::migrate::must_exist_as;
use super::table::lay_out;
use super::{Exit, Failure, print};
use crate::config::{CopyConfig, Environment, Keys};
use crate::wiring;
use progress::Progress;

const NOTES: Notes = Notes::of(&[
    "central-oauth copy --from sqlite:///data/db.sqlite3 --to postgres://user@host/database",
])
.exits(&[Exit::WrongPin])
.variables(SEALED);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    /// The database to read, such as sqlite:///data/db.sqlite3. The command does not change it [default: the file in
    /// CENTRAL_OAUTH_DB_PATH].
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The database to write, such as postgres://user@host/database [default: CENTRAL_OAUTH_DATABASE_URL, which keeps a
    /// password off the command line].
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let config = CopyConfig::read(environment, options.from.as_deref(), options.to.as_deref());
    let (config, keys) = (config.map_err(usage)?, Keys::read(environment)?);
    print::install_log(environment)?;
    must_exist_as(&config.from, "--from or CENTRAL_OAUTH_DB_PATH")?;
    let keys = keys.secret.unwrap().await?;
    let mut progress = Progress::new();
    let cipher = wiring::cipher(&keys, &Arc::new(wiring::entropy()));
    let mut show = |step| progress.show(step);
    let copied = copy(&config.from, &config.to, config.pool, cipher, &mut show).await;
    drop(progress);
    print_result(&copied.map_err(failure)?)
}

fn usage(error: impl std::error::Error) -> Failure {
    Failure::new(Exit::Usage, error.to_string())
}

fn print_result(copied: &CopyReport) -> Result<Exit, Failure> {
    print::result(counts(&copied.tables))?;
    print::result(format_args!(
        "The copy is complete: all rows were copied, and all {} encrypted values can be decrypted.",
        copied.opened
    ))?;
    print::result(
        "Next: set CENTRAL_OAUTH_DATABASE_URL to the new database and start the service, with the same secret key.",
    )?;
    print::result(
        "Never start a service on the old database again: two services would use the same refresh tokens.",
    )?;
    Ok(Exit::Done)
}

fn counts(tables: &[TableCount]) -> String {
    let rows = tables.iter();
    let rows = rows.map(|table| [table.table.to_owned(), table.destination.to_string()]);
    lay_out(["TABLE", "ROWS"], rows)
}

const DAMAGED: &str = "nothing can be copied until the rows are restored from a backup or deleted from the source with SQL \
     (docs/BACKUP.md#damaged-rows)";

/// Explains why the copy is incomplete and what to do about it.
fn failure(error: CopyError) -> Failure {
    let advice = match &error {
        CopyError::Unreadable(_) => {
            "delete or relink these accounts with a service on the source, or put their key into \
             CENTRAL_OAUTH_PREVIOUS_SECRET_KEYS; then stop the service and copy again"
        }
        CopyError::Damaged(_) | CopyError::Store(StoreError::Corrupt(_)) => DAMAGED,
        CopyError::Differs(_) | CopyError::Store(_) => {
            "the copy is not complete; run the command again to continue"
        }
        _ => {
            return match error {
                CopyError::Unlock(error) => wiring::refused(error),
                error => error.into(),
            };
        }
    };
    let failure = Failure::from(error);
    Failure::new(Exit::Other, format!("{failure}; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_stand_in_columns() {
        let count = |table, destination| TableCount {
            table,
            may_be_sealed: false,
            source: destination,
            destination,
        };
        let tables = [count("account", 7), count("a_much_longer_name", 12)];
        let expected = "TABLE               ROWS\naccount             7\na_much_longer_name  12";
        assert_eq!(counts(&tables), expected);
    }
}
