//! Reads the environment once and validates it. Each topic has its own file.

mod audit;
mod bearer;
mod client;
mod copy;
mod environment;
#[cfg(test)]
mod fuzz;
mod http;
mod keys;
mod kms;
mod links;
mod log;
mod networks;
mod numbers;
mod operator_details;
mod operators;
mod providers;
mod secret_keys;
mod store;
mod telemetry;
mod tls;
mod toml_file;
mod webhooks;
mod words;
mod workloads;

pub(crate) use audit::audit_settings;
pub(crate) use bearer::is_bearer;
pub(crate) use client::{ClientConfig, NamedKey, parse_server};
pub(crate) use copy::CopyConfig;
pub(crate) use environment::{Environment, SECRETS};
pub(crate) use http::HttpConfig;
pub(crate) use keys::Keys;
pub(crate) use kms::KmsConfig;
pub(crate) use links::LinkConfig;
pub(crate) use log::{LogConfig, LogFormat};
pub(crate) use operator_details::operator_details;
pub(crate) use operators::read as read_operators;
pub(crate) use providers::{Provider, ProviderConfig};
pub(crate) use secret_keys::{NotUnwrapped, SecretKeys, WrappedKeys};
pub(crate) use store::StoreConfig;
pub(crate) use telemetry::TelemetryConfig;
pub(crate) use tls::TlsConfig;
pub(crate) use webhooks::WebhookConfig;
pub(crate) use workloads::WorkloadConfig;

/// The text that is shown instead of a secret.
pub(crate) const HIDDEN: &str = "(secret)";

/// All known variables, without the prefix.
pub(crate) const KNOWN: &[&str] = &[
    "ACCESS_KEY",
    "ADMIN_KEY",
    "ALLOWED_HOSTS",
    "AUDIT_NETWORK",
    "AUDIT_RETENTION",
    "DATABASE_CONNECT_TIMEOUT",
    "DATABASE_MAX_CONNECTIONS",
    "DATABASE_STATEMENT_TIMEOUT",
    "DATABASE_URL",
    "DB_PATH",
    "ENROLL_KEY",
    "ENROLL_NETWORKS",
    "ID_TOKEN",
    "KMS",
    "KMS_GRACE",
    "KMS_PIN",
    "KMS_TOKEN",
    "LINK_CODE_TTL",
    "LISTEN_ADDR",
    "LOG",
    "LOG_FORMAT",
    "METRICS_ADDR",
    "OPERATOR_CONTACT",
    "OPERATOR_KEYS",
    "OPERATOR_LOGO_FILE",
    "OPERATOR_NAME",
    "POLL_INTERVAL",
    "PREVIOUS_SECRET_KEYS",
    "PROVIDERS",
    "PROVIDER_AUDIENCE",
    "PROVIDER_AUTHORIZATION_ENDPOINT",
    "PROVIDER_CLIENT_ID",
    "PROVIDER_CLIENT_SECRET",
    "PROVIDER_CONSENT_NAME",
    "PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT",
    "PROVIDER_DISPLAY_NAME",
    "PROVIDER_DOMAIN",
    "PROVIDER_FLOW",
    "PROVIDER_HOST",
    "PROVIDER_ISSUER",
    "PROVIDER_NAME",
    "PROVIDER_PRESET",
    "PROVIDER_REALM",
    "PROVIDER_REVOCATION_ENDPOINT",
    "PROVIDER_SCOPES",
    "PROVIDER_TENANT",
    "PROVIDER_TIMEOUT",
    "PROVIDER_TOKEN_ENDPOINT",
    "PROVIDER_TOKEN_ENDPOINT_AUTH_METHOD",
    "PROVIDER_TRACE_CONTEXT",
    "PROVIDER_USERINFO_ENDPOINT",
    "PUBLIC_URL",
    "REFRESH_AT_LEAST",
    "RETURN_CODE",
    "SECRET_KEY",
    "SERVER",
    "TLS_CERT_FILE",
    "TLS_KEY_FILE",
    "TOKEN_CACHE",
    "TRUSTED_PROXIES",
    "WEBHOOKS",
    "WORKLOADS",
];

/// An invalid setting: where it is and what is wrong, in one line. Never contains the value, which may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub(crate) struct ConfigError {
    place: String,
    problem: String,
}

impl ConfigError {
    /// Creates an error about a variable, named without the prefix.
    pub(crate) fn variable(name: &str, problem: impl std::fmt::Display) -> Self {
        Self {
            place: format!("{}{name}", Environment::PREFIX),
            problem: problem.to_string(),
        }
    }

    /// Creates an error about an entry of a file, or another place.
    pub(crate) fn place(place: impl Into<String>, problem: impl std::fmt::Display) -> Self {
        Self {
            place: place.into(),
            problem: problem.to_string(),
        }
    }
}
