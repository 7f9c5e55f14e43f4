//! Settings of links, and timeouts.

use std::time::Duration;

use central_oauth_domain::cidr::Cidr;
use central_oauth_domain::clock_step::LONGEST_PROVIDER_CALL;
use central_oauth_domain::link::ReturnCodePolicy;
use central_oauth_domain::link::polling::LONGEST_CONSENT;

use super::networks::networks;
use super::numbers::read_seconds;
use super::words::Words;
use super::{ConfigError, Environment};

const RETURN_CODE: Words<ReturnCodePolicy> = Words(
    "RETURN_CODE",
    &[
        ("off", ReturnCodePolicy::Off),
        ("offered", ReturnCodePolicy::Offered),
        ("required", ReturnCodePolicy::Required),
    ],
);

pub(crate) struct LinkConfig {
    pub(crate) code_ttl: Duration,
    /// Minimum interval between two polls of a link by its client.
    pub(crate) poll_interval: Duration,
    /// Whether links may or must ask for a return code.
    pub(crate) return_code: ReturnCodePolicy,
    pub(crate) provider_timeout: Duration,
    /// Maximum interval between refreshes.
    pub(crate) refresh_at_least: Duration,
    /// Networks from which new accounts may be linked. If the list is empty, any network may.
    pub(crate) enroll_networks: Vec<Cidr>,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            code_ttl: Duration::from_secs(600),
            poll_interval: Duration::from_secs(2),
            return_code: ReturnCodePolicy::default(),
            provider_timeout: Duration::from_secs(10),
            refresh_at_least: Duration::from_secs(86_400),
            enroll_networks: Vec::new(),
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
            enroll_networks: networks(environment, "ENROLL_NETWORKS")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let variable = ("CENTRAL_OAUTH_ENROLL_NETWORKS".into(), text.into());
        let environment = Environment::new([variable]).unwrap();
        LinkConfig::read(&environment).map_err(|error| error.to_string())?;
        Ok(environment.effective()["ENROLL_NETWORKS"].clone())
    }

    #[test]
    fn networks_are_listed_and_a_mistake_lets_nobody_in() {
        let listed = read(" 10.0.0.0/8, 192.0.2.7,2001:db8::/32 ,");
        assert_eq!(
            listed.as_deref(),
            Ok("10.0.0.0/8,192.0.2.7/32,2001:db8::/32")
        );
        for (text, entry) in [
            (",", 1),
            (" ", 1),
            ("10.0.0.1/8", 1),
            ("10.0.0.0/8,,192.0.2.7", 2),
            ("10.0.0.0/8, intranet.example.com", 2),
            ("10.0.0.0/8 192.0.2.7", 1),
        ] {
            let said = format!(
                "CENTRAL_OAUTH_ENROLL_NETWORKS: entry {entry} is not an address or CIDR such as 192.0.2.0/24 or \
                 2001:db8::/32"
            );
            assert_eq!(read(text), Err(said), "{text:?}");
        }
    }
}
