//! `central-oauth serve`: runs the service until it gets SIGTERM or SIGINT. SIGHUP has it read the keys of operators anew.

use central_oauth_domain::usecases::Operators;
use central_oauth_observer_opentelemetry::Telemetry;

use super::{Exit, Failure};
use crate::config::{Environment, LogConfig, LogFormat, TelemetryConfig, read_operators};
use crate::service::{Service, ServiceConfig};
use crate::{private_memory, runtime, telemetry, wiring};

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
    let served = serve(environment, warnings, config, &telemetry).await;
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
    environment: &Environment,
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
    let (told_to_stop, hangups) = (runtime::stop_signal()?, runtime::hangups()?);
    let service = Service::start(config, telemetry).await?;
    tracing::info!(
        listen = %service.listen(),
        public_url = %service.url(),
        metrics = service.metrics().map(tracing::field::display),
        "serving"
    );
    let operators = service.operators();
    let reloading = runtime::at_each(hangups, || reload(environment, &operators));
    tokio::select! {
        served = service.run_until(told_to_stop) => served,
        never = reloading => match never {},
    }
}

/// Reads the keys of operators anew. What is wrong with them changes nothing.
fn reload(environment: &Environment, operators: &Operators) {
    match read_operators(environment) {
        Ok(keys) => {
            operators.replace(&keys);
            let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
            tracing::info!(
                all = names.join(", "),
                "the keys of operators were read again"
            );
        }
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the keys of operators were not read again; the old ones stay valid"
            );
        }
    }
}
