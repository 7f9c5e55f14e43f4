//! `central-oauth config`: checks the configuration of the service and shows it without secrets.

use std::sync::Arc;

use central_oauth_domain::workload::TrustedIssuer;
use central_oauth_provider_openidconnect::ProviderSettings;

use super::help::Notes;
use super::print::{self, printable, result};
use super::serve::ServeConfig;
use super::{Exit, Failure};
use crate::config::{ConfigError, Environment, HIDDEN, Provider, TelemetryConfig};
use crate::wiring;

pub(super) const NOTES: Notes =
    Notes::of(&["central-oauth config check"]).variables(&["SECRET_KEY", "PROVIDERS", "*"]);

const CHECK_NOTES: Notes = Notes::of(&[
    "central-oauth config check",
    "docker compose run --rm central-oauth config check",
])
.text(
    "\
Prints a variable without a value as empty. Warnings go to standard error and do not change the exit code. If the key
management service is unavailable, prints a warning, because `serve` would wait for it. If it refuses, fails.",
)
.exits(&[Exit::WrongPin])
.variables(&["SECRET_KEY", "PROVIDERS", "*"]);

#[derive(clap::Subcommand, Clone, Copy)]
pub(super) enum Question {
    /// Check the configuration as `serve` reads it, and print it with its defaults and without secrets. Contacts neither
    /// the database nor a provider. Asks the key management service to unwrap the secret keys, which changes nothing.
    #[command(after_long_help = CHECK_NOTES.render())]
    Check,
}

pub(super) async fn run(question: Question, environment: &Environment) -> Result<Exit, Failure> {
    let Question::Check = question;
    let config = ServeConfig::read(environment)?;
    // `settings` must run before `install_log`, which records the default log level of this command instead of that of
    // `serve`.
    let mut lines = settings(environment, &config.telemetry)?;
    print::install_log(environment)?;
    let service = config.service;
    let warnings = config.warnings.into_iter();
    for warning in warnings.chain(service.providers.warnings()) {
        tracing::warn!("{warning}");
    }
    service.store.refuse_unsafe_file()?;
    if let Some(certificate) = service.http.certificate()?
        && let Some(warning) = certificate.warning(wiring::clock().now())
    {
        tracing::warn!("{warning}");
    }
    for provider in &service.providers.providers {
        let is_default = service.providers.default.as_ref() == Some(&provider.settings.name);
        lines.extend(of_provider(provider, is_default));
    }
    let workloads = service
        .workloads
        .map(|it| wiring::workloads(it, &wiring::clock()));
    let workloads = workloads.transpose()?;
    let issuers = workloads.iter().flat_map(|trust| &trust.issuers);
    lines.extend(issuers.flat_map(of_issuer));
    lines.extend(service.keys.secret.preview().await?);
    // Building the providers and the receivers finds settings that contradict each other.
    let entropy = Arc::new(wiring::entropy());
    wiring::adapters(&service.providers, &wiring::clock(), &entropy)?;
    service.webhooks.map(wiring::webhooks).transpose()?;
    lines.iter().try_for_each(result)?;
    Ok(Exit::Done)
}

/// Returns the variables of the service with their effective values, without those that are shown with each provider.
fn settings(
    environment: &Environment,
    telemetry: &TelemetryConfig,
) -> Result<Vec<String>, ConfigError> {
    // `ServeConfig` reads these secrets only when it needs them. Reading them here finds errors, such as a missing
    // file.
    for name in ["KMS_TOKEN", "KMS_PIN"] {
        environment.secret(name)?;
    }
    let is_shown = |name: &str| !name.starts_with("PROVIDER") || name == "PROVIDER_TIMEOUT";
    let ours = environment.effective().into_iter();
    let ours = ours.filter(|(name, _)| is_shown(name));
    let ours = ours.map(|(name, value)| {
        let value = printable(&value);
        format!("{}{name}={value}", Environment::PREFIX)
    });
    let exporters = telemetry.exporters().into_iter();
    let exporters = exporters.map(|(name, value)| format!("{name}={value}"));
    Ok(ours.chain(exporters).collect())
}

/// Returns the lines about a provider: its name, and the keys that are in force.
fn of_provider(provider: &Provider, is_default: bool) -> Vec<String> {
    let (name, place) = (&provider.settings.name, printable(provider.place()));
    let default = if is_default { ", the default" } else { "" };
    let head = format!("\nprovider {name} of {place}{default}");
    let keys = keys(&provider.settings).into_iter();
    let keys = keys.map(|(key, value)| format!("  {key} = {}", printable(&value)));
    std::iter::once(head).chain(keys).collect()
}

/// Returns the lines about an issuer of workloads: its name, and the `iss` and `aud` that its JWTs must contain byte
/// for byte.
fn of_issuer(issuer: &TrustedIssuer) -> [String; 3] {
    [
        ("\nworkload issuer ", &issuer.name),
        ("  issuer = ", &issuer.url),
        ("  audience = ", &issuer.audience),
    ]
    .map(|(key, value)| format!("{key}{}", printable(value)))
}

/// Returns the effective keys of a provider, with the explanations of the requested scopes.
fn keys(settings: &ProviderSettings) -> Vec<(String, String)> {
    let secret = settings.client_secret.as_ref().map(|_| HIDDEN.to_owned());
    let display_name = Some(settings.display_name.clone());
    let none = settings.scopes.is_empty().then(String::new);
    let words = settings.scopes.iter().chain(&none).filter_map(|scope| {
        let words = settings.words_of(scope)?;
        Some((format!("scope_words.{scope:?}"), words.text))
    });
    let parameters = settings.authorization_parameters.iter();
    let parameters =
        parameters.map(|(name, value)| (format!("authorization_parameters.{name}"), value.clone()));
    let method = settings.token_endpoint_auth_method;
    let extra = Some(settings.extra.join(" "));
    let known = [
        ("display_name", display_name.filter(|name| !name.is_empty())),
        ("consent_name", settings.consent_name.clone()),
        ("flow", Some(settings.flow.to_string())),
        ("client_id", Some(settings.client_id.clone())),
        ("client_secret", secret),
        ("scopes", Some(settings.scopes.join(" "))),
        (
            "token_endpoint_auth_method",
            method.map(|method| method.as_str().to_owned()),
        ),
        ("extra", extra.filter(|extra| !extra.is_empty())),
        ("trace_context", Some(settings.trace_context.to_string())),
    ];
    let known = known
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    let addresses = settings.addresses();
    let addresses = addresses.map(|(key, url)| (key.to_owned(), url.to_string()));
    let known = known.chain(addresses);
    known.chain(words).chain(parameters).collect()
}
