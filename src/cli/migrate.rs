//! `central-oauth migrate`: updates the database schema or rolls it back.

use std::sync::Arc;

use central_oauth_domain::ports::SealStore;
use central_oauth_domain::usecases::give_up_key_macs;
use central_oauth_domain::vault::Vault;
use central_oauth_store_seaorm::{DatabaseUrl, Migrating};

use super::confirm::Confirmation;
use super::help::{DATABASE, Notes, SEALED};
use super::in_use::refuse_if_in_use;
use super::table::distance;
use super::{Exit, Failure, print};
use crate::config::{Environment, Keys, StoreConfig};
use crate::wiring;

const NOTES: Notes = Notes::of(&["central-oauth migrate", "central-oauth migrate status"])
    .exits(&[Exit::Denied])
    .variables(DATABASE);

const UP_NOTES: Notes = Notes::of(&["central-oauth migrate up"]).variables(DATABASE);

const DOWN_NOTES: Notes = Notes::of(&["central-oauth migrate down --delete-data"])
    .exits(&[Exit::Denied, Exit::WrongPin])
    .variables(SEALED);

const STATUS_NOTES: Notes = Notes::of(&["central-oauth migrate status"]).variables(DATABASE);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    #[command(subcommand)]
    direction: Option<Direction>,
}

#[derive(clap::Subcommand, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// Apply all pending migrations. This is the default.
    #[command(after_long_help = UP_NOTES.render())]
    Up,
    /// Roll back the newest migration. Data that only this version can store is deleted.
    ///
    /// Stop all services first: they need the newest schema.
    ///
    /// Rolling back the first migration deletes everything. Rolling back m0012_key_macs needs CENTRAL_OAUTH_SECRET_KEY.
    #[command(after_long_help = DOWN_NOTES.render())]
    Down {
        /// Do not ask whether data may be deleted. Required without a terminal.
        #[arg(long, visible_alias = "yes")]
        delete_data: bool,
    },
    /// List the pending migrations.
    #[command(after_long_help = STATUS_NOTES.render())]
    Status,
}

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let direction = options.direction.unwrap_or(Direction::Up);
    let config = StoreConfig::read(environment)?;
    if direction != Direction::Up {
        must_exist(&config.url)?;
    }
    if let Direction::Down { delete_data } = direction {
        let question =
            "Roll back the newest migration? Data that only this version can store is deleted.";
        Confirmation::of(delete_data).ask(question, "nothing was rolled back")?;
    }
    let (store, clock) = wiring::store_and_clock(&config).await?;
    match direction {
        Direction::Up => store.migrate_up().await?,
        Direction::Down { .. } => {
            refuse_if_in_use(&store, clock.now()).await?;
            down(&store, environment).await?;
        }
        Direction::Status => {}
    }
    let pending = store.pending_migrations().await?;
    store.close().await?;
    if pending.is_empty() {
        print::result("The schema is up to date.")?;
    }
    for name in pending {
        print::result(format_args!("pending: {name}"))?;
    }
    Ok(Exit::Done)
}

/// Rolls back the newest migration. If the rollback removes the MACs of access keys, first removes the mark on the
/// sealed hash key. With this mark, the next start would require MACs. Removing the mark needs the secret key.
async fn down(store: &wiring::Store, environment: &Environment) -> Result<(), Failure> {
    const KEY_MACS: &str = "m0012_key_macs";
    let newest = store.newest_migration().await?;
    // A store that no service has used has neither a hash key nor access keys.
    let hash_key = store.hash_key().await?;
    if newest.as_deref() != Some(KEY_MACS) || hash_key.is_none() {
        return Ok(store.migrate_down(Some(1)).await?);
    }
    let keys = Keys::read(environment)?.secret.unwrap().await?;
    let cipher = wiring::cipher(&keys, &Arc::new(wiring::entropy()));
    let given_up = give_up_key_macs(store, Arc::clone(&cipher)).await;
    given_up.map_err(wiring::refused)?;
    store.migrate_down(Some(1)).await?;
    // A replica may have started meanwhile and set the mark again.
    let given_up = give_up_key_macs(store, cipher).await;
    given_up.map_err(wiring::refused)
}

/// Opens the database of the service, and unlocks its sealed values with the secret key.
pub(super) async fn unlocked_store(
    environment: &Environment,
) -> Result<(wiring::Store, Vault), Failure> {
    let (config, keys) = (StoreConfig::read(environment)?, Keys::read(environment)?);
    print::install_log(environment)?;
    must_exist(&config.url)?;
    let keys = keys.secret.unwrap().await?;
    let (store, vault) = wiring::unlocked_store(&config, &keys).await?;
    must_be_up_to_date(&store).await?;
    Ok((store, vault))
}

/// Fails if migrations are pending. The command does not apply them, because replicas of an earlier version may use the
/// schema.
pub(super) async fn must_be_up_to_date(store: &wiring::Store) -> Result<(), Failure> {
    let pending = store.pending_migrations().await?;
    if pending.is_empty() {
        return Ok(());
    }
    let message = match store.migrating().await? {
        Some(migrating) => at_it(&migrating),
        None => "the schema is not up to date: run `central-oauth migrate`".to_owned(),
    };
    Err(Failure::new(Exit::Other, message))
}

/// Says which machine runs a migration.
fn at_it(migrating: &Migrating) -> String {
    let since = distance(migrating.since.as_secs());
    let who = migrating.address.as_deref().unwrap_or("this machine");
    format!("{who} has been migrating the schema for {since}: try again when it is done")
}

/// Fails if the database of the service is missing.
pub(super) fn must_exist(url: &DatabaseUrl) -> Result<(), Failure> {
    must_exist_as(url, "CENTRAL_OAUTH_DATABASE_URL or CENTRAL_OAUTH_DB_PATH")
}

/// Fails if the database file does not exist. Opening the store would create it, even in the wrong folder. The error
/// names `settings`.
pub(super) fn must_exist_as(url: &DatabaseUrl, settings: &str) -> Result<(), Failure> {
    match url.path() {
        Some(path) if !path.exists() => {
            let message = format!(
                "there is no database at {}: check {settings}",
                path.display()
            );
            Err(Failure::new(Exit::Other, message))
        }
        _ => Ok(()),
    }
}
