//! `central-oauth migrate`: updates the database schema or rolls it back.

use central_oauth_store_seaorm::DatabaseUrl;

use super::confirm::Confirmation;
use super::help::{DATABASE, Notes};
use super::{Exit, Failure, print};
use crate::config::{Environment, StoreConfig};
use crate::wiring;

const NOTES: Notes = Notes {
    text: "",
    examples: &["central-oauth migrate", "central-oauth migrate status"],
    exits: &[Exit::Denied],
    variables: DATABASE,
};

const UP_NOTES: Notes = Notes {
    text: "",
    examples: &["central-oauth migrate up"],
    exits: &[],
    variables: DATABASE,
};

const DOWN_NOTES: Notes = Notes {
    text: "",
    examples: &["central-oauth migrate down --delete-data"],
    exits: &[Exit::Denied],
    variables: DATABASE,
};

const STATUS_NOTES: Notes = Notes {
    text: "",
    examples: &["central-oauth migrate status"],
    exits: &[],
    variables: DATABASE,
};

/// Options of `migrate`.
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
    /// Rolling back the first migration deletes everything.
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
    let store = wiring::store(&config).await?;
    match direction {
        Direction::Up => store.migrate_up().await.map_err(Failure::other)?,
        Direction::Down { .. } => store.migrate_down(Some(1)).await.map_err(Failure::other)?,
        Direction::Status => {}
    }
    let pending = store.pending_migrations().await.map_err(Failure::other)?;
    store.close().await.map_err(Failure::other)?;
    if pending.is_empty() {
        print::result("The schema is up to date.")?;
    }
    for name in pending {
        print::result(format_args!("pending: {name}"))?;
    }
    Ok(Exit::Done)
}

/// Fails if there is no database file. Opening a store would create it, even in the wrong folder.
pub(super) fn must_exist(url: &DatabaseUrl) -> Result<(), Failure> {
    match url.path() {
        Some(path) if !path.exists() => {
            let message = format!("there is no database at {}", path.display());
            Err(Failure::new(Exit::Other, message))
        }
        _ => Ok(()),
    }
}
