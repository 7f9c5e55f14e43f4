//! `central-oauth serve`: runs the service until it gets SIGTERM, SIGINT or SIGQUIT. SIGHUP makes it read the keys of
//! operators again.

use std::pin::pin;
use std::sync::Arc;

use central_oauth_domain::audit::{Actor, AuditEvent, AuditKind};
use central_oauth_domain::usecases::{AuditLog, Operators};
use central_oauth_observer_opentelemetry::Telemetry;
use tokio::signal::unix::{SignalKind, signal};

use super::help::Notes;
use super::{Exit, Failure};
use crate::config::{
    ConfigError, Environment, LogConfig, LogFormat, TelemetryConfig, read_operators,
};
use crate::service::{Service, ServiceConfig};
use crate::{private_memory, runtime, starting, telemetry, wiring};

pub(super) const NOTES: Notes = Notes::of(&[
    "CENTRAL_OAUTH_PROVIDERS=providers.toml CENTRAL_OAUTH_SECRET_KEY=$(cat secret.key) central-oauth serve",
])
.exits(&[Exit::WrongPin])
.variables(&[
    "SECRET_KEY",
    "DATABASE_URL",
    "DB_PATH",
    "LISTEN_ADDR",
    "PUBLIC_URL",
    "PROVIDERS",
    "OPERATOR_NAME",
    "OPERATOR_CONTACT",
    "OPERATOR_LOGO_FILE",
    "*",
]);

/// All settings that the service reads from its environment. `config check` reads the same.
pub(super) struct ServeConfig {
    pub(super) service: ServiceConfig,
    pub(super) telemetry: TelemetryConfig,
    pub(super) log: LogConfig,
    /// Settings that are probably mistakes, one sentence each.
    pub(super) warnings: Vec<String>,
}

impl ServeConfig {
    /// Reads all sections. Fails at the first malformed variable.
    pub(super) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        Self::sections(environment).map_err(|error| environment.explain(error))
    }

    fn sections(environment: &Environment) -> Result<Self, ConfigError> {
        let mut telemetry = TelemetryConfig::read(environment)?;
        let service = ServiceConfig::read(environment, &telemetry)?;
        let log = LogConfig::read(environment, "info")?;
        let mut warnings = environment.warnings();
        warnings.append(&mut telemetry.warnings);
        let found = service.keys.secret.warning().into_iter();
        let found = found.chain(service.http.warnings());
        warnings.extend(found.map(str::to_owned));
        warnings.extend(service.store.warning());
        Ok(Self {
            service,
            telemetry,
            log,
            warnings,
        })
    }
}

pub(super) async fn run(environment: &Environment) -> Result<Exit, Failure> {
    let config = ServeConfig::read(environment)?;
    let service = &config.service;
    let telemetry = wiring::telemetry(
        config.telemetry,
        &service.providers,
        service.webhooks.as_ref(),
    )?;
    let format = config.log.format;
    telemetry::write_in_background()?;
    telemetry::install_telling(config.log, &telemetry);
    telemetry::log_panics();
    let served = serve(environment, config.warnings, config.service, &telemetry).await;
    let served = served.map_err(|failure| logged(format, failure));
    telemetry.stop().await;
    served
}

/// With the JSON format, logs a failure instead of printing it as plain text, so that log collectors can parse it.
fn logged(format: LogFormat, failure: Failure) -> Failure {
    match format {
        LogFormat::Json if tracing::enabled!(tracing::Level::ERROR) => {
            tracing::error!(error = %failure, "the service has failed");
            failure.printed()
        }
        LogFormat::Json | LogFormat::Text => failure,
    }
}

async fn serve(
    environment: &Environment,
    warnings: Vec<String>,
    config: ServiceConfig,
    telemetry: &Telemetry,
) -> Result<Exit, Failure> {
    private_memory::protect();
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let database = config.store.url.clone();
    let mut stop = pin!(runtime::stop_signal()?);
    // Without a listener, SIGHUP would end the process.
    let hangups = signal(SignalKind::hangup())?;
    let keys = tokio::select! {
        keys = starting::secret_keys(&config) => keys?,
        () = &mut stop => return Ok(Exit::Done),
    };
    // A stop during a migration rolls the migration back, because it is one transaction.
    let service = tokio::select! {
        started = Service::start(config, &keys, telemetry) => started?,
        () = &mut stop => return Ok(Exit::Done),
    };
    tracing::info!(
        listen = %service.listen,
        public_url = %service.url,
        metrics = service.metrics.map(tracing::field::display),
        database = %database,
        "serving"
    );
    let operators = Arc::clone(&service.operators);
    let audit = Arc::clone(&service.audit);
    let reloading = runtime::at_each(hangups, || reload(environment, &operators, &audit));
    tokio::select! {
        served = service.run_until(stop) => served,
        never = reloading => match never {},
    }
}

/// Reads the keys of operators again. If they are invalid, nothing changes.
fn reload(environment: &Environment, operators: &Operators, audit: &AuditLog) {
    let keys = match read_operators(environment) {
        Ok(keys) => keys,
        Err(error) => return log_rejected(&error),
    };
    if let Err(error) = operators.replace(&keys) {
        return log_rejected(&error);
    }
    let event = AuditEvent::new(AuditKind::OperatorsReloaded);
    let event = event.with("operator_keys", keys.len());
    audit.record(event, Actor::Service, None);
    let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
    tracing::info!(
        operators = names.join(", "),
        "the keys of operators were read again"
    );
}

fn log_rejected(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(
        error,
        "the keys of operators were not read again; the old ones stay valid"
    );
}
