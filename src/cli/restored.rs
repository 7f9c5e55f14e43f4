//! `central-oauth restored`: what an operator says after putting a backup back.

use super::migrate::must_exist;
use super::{Exit, Failure, print};
use crate::config::{Environment, LogConfig, StoreConfig};
use crate::{telemetry, wiring};

pub(super) async fn run(environment: &Environment) -> Result<Exit, Failure> {
    let config = StoreConfig::read(environment)?;
    telemetry::install(LogConfig::read(environment, "warn")?);
    must_exist(&config)?;
    let doubted = wiring::doubt_all(&config).await?;
    print::result(format_args!(
        "Grants whose refresh token may be an old one: {doubted}"
    ))?;
    print::tell(
        "Their access tokens are served for as long as they last. `central-oauth accounts` shows which grants worked again.",
    );
    Ok(Exit::Done)
}
