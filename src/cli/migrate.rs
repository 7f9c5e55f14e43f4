//! `central-oauth migrate`: the database schema, up and down.

use super::{Exit, Failure, print};
use crate::config::{Environment, StoreConfig};
use crate::wiring;

/// What `migrate` takes.
#[derive(clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    direction: Option<Direction>,
}

#[derive(clap::Subcommand, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// Bring the schema up to date (the default).
    Up,
    /// Take the newest version of the schema back, with all that only it can hold. The first version holds everything.
    Down {
        /// Yes, delete it.
        #[arg(long, required = true)]
        delete_data: bool,
    },
    /// Say which migrations are pending.
    Status,
}

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let direction = options.direction.unwrap_or(Direction::Up);
    let config = StoreConfig::read(environment)?;
    if direction != Direction::Up {
        must_exist(&config)?;
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

/// Opening a store makes its file; asking about one in the wrong folder should not.
pub(super) fn must_exist(config: &StoreConfig) -> Result<(), Failure> {
    match config.url.path() {
        Some(path) if !path.exists() => {
            let message = format!("there is no database at {}", path.display());
            Err(Failure::new(Exit::Other, message))
        }
        _ => Ok(()),
    }
}
