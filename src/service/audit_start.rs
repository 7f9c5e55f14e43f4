//! Records the configuration in the audit log at each start, without personal addresses or secrets.

use std::net::SocketAddr;

use central_oauth_domain::audit::{AuditEvent, AuditKind, NetworkPrecision};
use central_oauth_domain::operator::OperatorRole;
use url::Url;

use super::config::ServiceConfig;
use crate::wiring::replica_name;

/// Returns the entry of a service start.
pub(super) fn service_started(
    config: &ServiceConfig,
    public_url: &Url,
    listen: SocketAddr,
) -> AuditEvent {
    let is_set = |is_set: bool| if is_set { "set" } else { "unset" };
    let keys = &config.keys;
    let providers = &config.providers.providers;
    let names = providers.iter();
    let names = names.map(|provider| provider.settings.name.as_str());
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
        .with("enroll_networks", config.links.enroll_networks.len())
        .with("operator_keys", keys.operators.len())
        .with("previous_secret_keys", keys.secret.previous())
        .with("key_management", is_set(keys.secret.kms().is_some()))
        .with("providers", providers.len())
        .with("provider_names", joined(names))
        .with("audit_network", network)
        .with("audit_retention", config.audit.retention.as_secs())
}

/// Joins as many names as fit into one value of an audit entry. Readers notice omitted names, because the entry also
/// contains the number of providers.
fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for name in names {
        if joined.len() + 1 + name.len() > AuditEvent::LONGEST_VALUE {
            break;
        }
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(name);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_cut_between_two() {
        assert_eq!(joined(["github", "google"].into_iter()), "github,google");
        let long = "a".repeat(63);
        let many = joined([&*long; 9].into_iter());
        assert_eq!(many, [&*long; 3].join(","));
        let event = AuditEvent::new(AuditKind::ServiceStarted).with("provider_names", many);
        assert!(!format!("{event:?}").contains("other"));
    }
}
