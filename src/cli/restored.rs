//! `central-oauth restored`: marks a database as restored from a backup.

use central_oauth_domain::usecases::after_restore;

use super::help::{DATABASE, Notes};
use super::in_use::refuse_if_in_use;
use super::migrate::must_exist;
use super::{Exit, Failure, print};
use crate::config::{Environment, StoreConfig};
use crate::wiring;

pub(super) const NOTES: Notes = Notes::of(&["central-oauth restored"]).variables(DATABASE);

pub(super) async fn run(environment: &Environment) -> Result<Exit, Failure> {
    let config = StoreConfig::read(environment)?;
    print::install_log(environment)?;
    must_exist(&config.url)?;
    let store = wiring::used_store(&config, |_| Ok(())).await?;
    let (store, clock) = wiring::with_clock(store).await?;
    // Must come before the first write. A running service of an earlier version needs the earlier schema, and any
    // running service would send the refresh tokens that this command marks as possibly outdated.
    refuse_if_in_use(&store, clock.now()).await?;
    store.migrate_up().await?;
    let doubted = after_restore(&store, clock.as_ref(), &wiring::entropy()).await;
    let doubted = doubted?;
    store.close().await?;
    print::result(format_args!(
        "Grants whose refresh token may be outdated: {doubted}"
    ))?;
    print::tell(
        "Their access tokens are served until they expire. `central-oauth accounts` shows which grants work again.",
    );
    Ok(Exit::Done)
}
