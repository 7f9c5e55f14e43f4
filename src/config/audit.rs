//! The audit log.

use central_oauth_domain::audit::NetworkPrecision;
use central_oauth_domain::usecases::AuditSettings;
use serde::Deserialize;

use super::numbers::read_seconds;
use super::words::Words;
use super::{ConfigError, Effective, Environment};

#[derive(Deserialize)]
struct Raw {
    audit_network: Option<String>,
    audit_retention: Option<String>,
}

const DAY: u64 = 24 * 3600;

const PRECISIONS: Words<NetworkPrecision> = Words(
    "AUDIT_NETWORK",
    &[
        ("cut", NetworkPrecision::Cut),
        ("full", NetworkPrecision::Full),
    ],
);

/// Reads what the operator decides about the audit log.
pub(crate) fn audit_settings(environment: &Environment) -> Result<AuditSettings, ConfigError> {
    let raw: Raw = environment.section()?;
    let mut settings = AuditSettings {
        precision: PRECISIONS.read(raw.audit_network.as_deref(), NetworkPrecision::Cut)?,
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
    vec![
        PRECISIONS.effective(settings.precision),
        ("AUDIT_RETENTION", settings.retention.as_secs().to_string()),
    ]
}
