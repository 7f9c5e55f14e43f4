//! `central-oauth config`: checks the configuration of the service and shows it without secrets.

use central_oauth_provider_openidconnect::{Flow, ProviderSettings};

use super::help::Notes;
use super::print::{printable, result};
use super::serve::ServeConfig;
use super::{Exit, Failure};
use crate::config::{Environment, HIDDEN, LogConfig, TlsConfig};
use crate::{telemetry, wiring};

const NOTES: Notes = Notes {
    text: "",
    examples: &["central-oauth config check"],
    exits: &[],
    variables: &["SECRET_KEY", "PROVIDERS", "*"],
};

const CHECK_NOTES: Notes = Notes {
    text: "Prints a variable without a value as empty. Warnings go to standard error and do not change the exit code.",
    examples: &[
        "central-oauth config check",
        "docker compose run --rm central-oauth config check",
    ],
    exits: &[],
    variables: &["SECRET_KEY", "PROVIDERS", "*"],
};

/// Options of `config`.
#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    #[command(subcommand)]
    question: Question,
}

#[derive(clap::Subcommand, Clone, Copy)]
enum Question {
    /// Check the configuration as `serve` reads it, and print it with its defaults and without secrets. Contacts neither
    /// the database nor a provider.
    #[command(after_long_help = CHECK_NOTES.render())]
    Check,
}

pub(super) fn run(options: &Options, environment: &Environment) -> Result<Exit, Failure> {
    let Question::Check = options.question;
    let config = ServeConfig::read(environment)?;
    telemetry::install(LogConfig::read(environment, "warn")?);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let service = config.service;
    service.store.refuse_public_file()?;
    let tls = service.http.tls.as_ref();
    tls.map(TlsConfig::certificate).transpose()?;
    let settings = [
        service.http.effective()?,
        service.store.effective(),
        service.keys.effective(),
        service.links.effective(),
        config.log.effective(),
        config.telemetry.effective(),
    ];
    for (name, value) in settings.iter().flatten() {
        let value = printable(value);
        result(format_args!("{}{name}={value}", Environment::PREFIX))?;
    }
    for (name, value) in config.telemetry.exporters() {
        result(format_args!("{name}={value}"))?;
    }
    for provider in &service.providers.providers {
        let name = &provider.settings.name;
        let is_default = service.providers.default.as_ref() == Some(name);
        let default = if is_default { ", the default" } else { "" };
        let place = printable(provider.place());
        result(format_args!("\nprovider {name} of {place}{default}"))?;
        for (key, value) in of_provider(&provider.settings) {
            result(format_args!("  {key} = {}", printable(&value)))?;
        }
    }
    // Settings that contradict each other are found when the providers are made.
    wiring::adapters(service.providers)?;
    Ok(Exit::Done)
}

/// Returns the keys of the providers file that are in force.
fn of_provider(settings: &ProviderSettings) -> Vec<(&'static str, String)> {
    let flow = match settings.flow {
        Flow::Device => "device",
        Flow::AuthorizationCode => "authorization_code",
    };
    let secret = settings.client_secret.as_ref().map(|_| HIDDEN.to_owned());
    let url = |url: &Option<url::Url>| url.as_ref().map(url::Url::to_string);
    let display_name = Some(settings.display_name.clone());
    [
        ("display_name", display_name.filter(|name| !name.is_empty())),
        ("flow", Some(flow.to_owned())),
        ("issuer", url(&settings.issuer)),
        ("client_id", Some(settings.client_id.clone())),
        ("client_secret", secret),
        ("scopes", Some(settings.scopes.join(" "))),
        (
            "authorization_endpoint",
            url(&settings.authorization_endpoint),
        ),
        (
            "device_authorization_endpoint",
            url(&settings.device_authorization_endpoint),
        ),
        ("token_endpoint", url(&settings.token_endpoint)),
        ("revocation_endpoint", url(&settings.revocation_endpoint)),
        ("userinfo_endpoint", url(&settings.userinfo_endpoint)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect()
}
