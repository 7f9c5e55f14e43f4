//! `central-oauth restored`: marks a database as restored from a backup.

use super::migrate::must_exist;
use super::{Exit, Failure, print};
use crate::config::{Environment, LogConfig, StoreConfig};
use crate::{telemetry, wiring};

pub(super) async fn run(environment: &Environment) -> Result<Exit, Failure> {
    let config = StoreConfig::read(environment)?;
    telemetry::install(LogConfig::read(environment, "warn")?);
    must_exist(&config.url)?;
    let doubted = wiring::doubt_all(&config).await?;
    print::result(format_args!(
        "Grants whose refresh token may be outdated: {doubted}"
    ))?;
    print::tell(
        "Their access tokens are served until they expire. `central-oauth accounts` shows which grants work again.",
    );
    Ok(Exit::Done)
}
