//! The audit log.

use central_oauth_domain::audit::NetworkPrecision;
use central_oauth_domain::usecases::AuditSettings;
use serde::Deserialize;

use super::numbers::read_seconds;
use super::{ConfigError, Effective, Environment};

#[derive(Deserialize)]
struct Raw {
    audit_network: Option<String>,
    audit_retention: Option<String>,
}

const DAY: u64 = 24 * 3600;

/// Reads what the operator decides about the audit log.
pub(crate) fn audit_settings(environment: &Environment) -> Result<AuditSettings, ConfigError> {
    let raw: Raw = environment.section()?;
    let precision = match raw.audit_network.as_deref() {
        None | Some("cut") => NetworkPrecision::Cut,
        Some("full") => NetworkPrecision::Full,
        Some(_) => {
            return Err(ConfigError::variable(
                "AUDIT_NETWORK",
                "must be cut or full",
            ));
        }
    };
    let mut settings = AuditSettings {
        precision,
        ..AuditSettings::default()
    };
    read_seconds(
        "AUDIT_RETENTION",
        raw.audit_retention,
        60..=10 * 365 * DAY,
        &mut settings.retention,
    )?;
    Ok(settings)
}

/// Returns the values in force.
pub(crate) fn effective_audit(settings: &AuditSettings) -> Vec<Effective> {
    let precision = match settings.precision {
        NetworkPrecision::Cut => "cut",
        NetworkPrecision::Full => "full",
    };
    vec![
        ("AUDIT_NETWORK", precision.to_owned()),
        ("AUDIT_RETENTION", settings.retention.as_secs().to_string()),
    ]
}
