//! `central-oauth migrate`: the database schema, up and down.

use super::{Exit, Failure};
use crate::config::{Environment, StoreConfig};
use crate::wiring;

/// What `migrate` takes.
#[derive(clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    direction: Option<Direction>,
}

#[derive(clap::Subcommand, Clone, Copy)]
enum Direction {
    /// Bring the schema up to date (the default).
    Up,
    /// Take the newest version of the schema back, with all that only it can hold.
    Down,
    /// Say which migrations are pending.
    Status,
}

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let store = wiring::store(&StoreConfig::read(environment)?).await?;
    match options.direction.unwrap_or(Direction::Up) {
        Direction::Up => store.migrate_up().await.map_err(Failure::other)?,
        Direction::Down => store.migrate_down(Some(1)).await.map_err(Failure::other)?,
        Direction::Status => {}
    }
    let pending = store.pending_migrations().await.map_err(Failure::other)?;
    if pending.is_empty() {
        println!("The schema is up to date.");
    }
    for name in pending {
        println!("pending: {name}");
    }
    Ok(Exit::Done)
}
