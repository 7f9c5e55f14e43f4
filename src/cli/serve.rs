//! `central-oauth serve`: runs the service until it gets SIGTERM or SIGINT.

use std::pin::pin;

use central_oauth_observer_opentelemetry::Telemetry;

use super::{Exit, Failure};
use crate::config::{Environment, LogConfig, LogFormat, TelemetryConfig};
use crate::service::{Service, ServiceConfig};
use crate::{private_memory, runtime, starting, telemetry, wiring};

pub(super) async fn run(environment: &Environment) -> Result<Exit, Failure> {
    let mut told = TelemetryConfig::read(environment)?;
    let config = ServiceConfig::read(environment, &told)?;
    let log = LogConfig::read(environment, "info")?;
    let unheeded = std::mem::take(&mut told.warnings);
    let telemetry = wiring::telemetry(told, &config.providers)?;
    let format = log.format;
    telemetry::install_telling(log, &telemetry);
    telemetry::log_panics();
    let warnings = environment.warnings().into_iter().chain(unheeded);
    let served = serve(warnings, config, &telemetry).await;
    let served = served.map_err(|failure| told_in(format, failure));
    telemetry.stop().await;
    served
}

/// Logs the reason of a failure, so that log collectors see it too.
fn told_in(format: LogFormat, failure: Failure) -> Failure {
    match format {
        LogFormat::Json if tracing::enabled!(tracing::Level::ERROR) => {
            tracing::error!(error = %failure, "the service has failed");
            failure.told()
        }
        LogFormat::Json | LogFormat::Text => failure,
    }
}

async fn serve(
    warnings: impl Iterator<Item = String>,
    config: ServiceConfig,
    telemetry: &Telemetry,
) -> Result<Exit, Failure> {
    private_memory::keep();
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    for warning in config.http.warnings() {
        tracing::warn!("{warning}");
    }
    let mut told_to_stop = pin!(runtime::stop_signal()?);
    let keys = tokio::select! {
        keys = starting::secret_keys(&config) => keys?,
        () = &mut told_to_stop => return Ok(Exit::Done),
    };
    let service = Service::start(config, &keys, telemetry).await?;
    tracing::info!(
        listen = %service.listen(),
        public_url = %service.url(),
        metrics = service.metrics().map(tracing::field::display),
        "serving"
    );
    service.run_until(told_to_stop).await
}
