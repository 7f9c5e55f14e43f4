use central_oauth_domain::audit::NetworkPrecision;
use central_oauth_domain::usecases::AuditSettings;

use super::numbers::read_seconds;
use super::words::Words;
use super::{ConfigError, Environment};

const DAY: u64 = 24 * 3600;

const PRECISIONS: Words<NetworkPrecision> = Words(
    "AUDIT_NETWORK",
    &[
        ("cut", NetworkPrecision::Cut),
        ("full", NetworkPrecision::Full),
    ],
);

/// Reads the settings of the audit log.
pub(crate) fn audit_settings(environment: &Environment) -> Result<AuditSettings, ConfigError> {
    let default = AuditSettings::default().retention;
    let range = 60..=10 * 365 * DAY;
    Ok(AuditSettings {
        precision: PRECISIONS.read(environment, NetworkPrecision::Cut)?,
        retention: read_seconds(environment, "AUDIT_RETENTION", range, default)?,
    })
}
