//! The configuration, as the audit log records it at each start: no address of a person, no secret.

use std::net::SocketAddr;

use central_oauth_domain::audit::{AuditEvent, AuditKind, NetworkPrecision};
use central_oauth_domain::operator::OperatorRole;
use url::Url;

use crate::service::ServiceConfig;
use crate::wiring::replica_name;

/// Returns the entry of a service that starts.
pub(crate) fn service_started(
    config: &ServiceConfig,
    public_url: &Url,
    listen: SocketAddr,
) -> AuditEvent {
    let is_set = |is_set: bool| if is_set { "set" } else { "unset" };
    let keys = &config.keys;
    let providers = config.providers.providers.iter();
    let providers: Vec<_> = providers
        .map(|provider| provider.settings.name.as_str())
        .collect();
    let database = match config.store.url.path() {
        Some(_) => "sqlite",
        None => "postgresql",
    };
    let network = match config.audit.precision {
        NetworkPrecision::Cut => "cut",
        NetworkPrecision::Full => "full",
    };
    let has = |role| keys.operators.iter().any(|key| key.role == role);
    AuditEvent::new(AuditKind::ServiceStarted)
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("replica", replica_name(listen))
        .with("public_url", public_url)
        .with("database", database)
        .with("tls", is_set(config.http.tls.is_some()))
        .with("trusted_proxies", config.http.trusted_proxies.len())
        .with("admin_key", is_set(has(OperatorRole::Admin)))
        .with("enroll_key", is_set(has(OperatorRole::Enroll)))
        .with("operator_keys", keys.operators.len())
        .with("previous_secret_keys", keys.secret.previous())
        .with("key_management", is_set(keys.secret.kms().is_some()))
        .with("providers", providers.len())
        .with("provider_names", providers.join(","))
        .with("audit_network", network)
        .with("audit_retention", config.audit.retention.as_secs())
}
