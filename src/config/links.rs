//! How links are made, and durations.

use std::time::Duration;

use central_oauth_domain::clock_step::LONGEST_PROVIDER_CALL;
use central_oauth_domain::link::ReturnCodePolicy;
use central_oauth_domain::link::pace::LONGEST_CONSENT;

use super::numbers::read_seconds;
use super::words::Words;
use super::{ConfigError, Effective, Environment};

const RETURN_CODE: Words<ReturnCodePolicy> = Words(
    "RETURN_CODE",
    &[
        ("off", ReturnCodePolicy::Off),
        ("offered", ReturnCodePolicy::Offered),
        ("required", ReturnCodePolicy::Required),
    ],
);

/// How links are made, and durations.
pub(crate) struct LinkConfig {
    /// Lifetime of a link code.
    pub(crate) code_ttl: Duration,
    /// Minimum interval between polls of a client.
    pub(crate) poll_interval: Duration,
    /// Whether links may or must ask for a return code.
    pub(crate) return_code: ReturnCodePolicy,
    /// Timeout of a provider call.
    pub(crate) provider_timeout: Duration,
    /// Maximum interval between refreshes.
    pub(crate) refresh_at_least: Duration,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            code_ttl: Duration::from_secs(600),
            poll_interval: Duration::from_secs(2),
            return_code: ReturnCodePolicy::default(),
            provider_timeout: Duration::from_secs(10),
            refresh_at_least: Duration::from_secs(86_400),
        }
    }
}

impl LinkConfig {
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let default = Self::default();
        let seconds = |name, range, default| read_seconds(environment, name, range, default);
        let longest_code = LONGEST_CONSENT.as_secs();
        let longest_call = LONGEST_PROVIDER_CALL.as_secs();
        Ok(Self {
            code_ttl: seconds("LINK_CODE_TTL", 1..=longest_code, default.code_ttl)?,
            poll_interval: seconds("POLL_INTERVAL", 1..=60, default.poll_interval)?,
            return_code: RETURN_CODE.read(environment, default.return_code)?,
            provider_timeout: seconds(
                "PROVIDER_TIMEOUT",
                1..=longest_call,
                default.provider_timeout,
            )?,
            refresh_at_least: seconds(
                "REFRESH_AT_LEAST",
                60..=31_536_000,
                default.refresh_at_least,
            )?,
        })
    }

    /// Returns the values in force. Durations are in seconds.
    pub(crate) fn effective(&self) -> Vec<Effective> {
        let durations = [
            ("LINK_CODE_TTL", self.code_ttl),
            ("POLL_INTERVAL", self.poll_interval),
            ("PROVIDER_TIMEOUT", self.provider_timeout),
            ("REFRESH_AT_LEAST", self.refresh_at_least),
        ]
        .map(|(name, duration)| (name, duration.as_secs().to_string()));
        let return_code = RETURN_CODE.effective(self.return_code);
        durations.into_iter().chain([return_code]).collect()
    }
}
