//! `central-oauth serve`: runs the service until it is told to stop.

use super::{Exit, Failure};
use crate::config::{Environment, LogConfig};
use crate::runtime;
use crate::service::{Service, ServiceConfig};
use crate::telemetry;

pub(super) async fn run(environment: &Environment) -> Result<Exit, Failure> {
    let config = ServiceConfig::read(environment)?;
    telemetry::install(LogConfig::read(environment, "info")?);
    for warning in environment.warnings() {
        tracing::warn!("{warning}");
    }
    for warning in config.http.warnings() {
        tracing::warn!("{warning}");
    }
    let told_to_stop = runtime::stop_signal()?;
    let service = Service::start(config).await?;
    tracing::info!(listen = %service.listen(), public_url = %service.url(), "serving");
    service.run_until(told_to_stop).await
}
