//! Trusted workloads: issuers and policies, from a TOML file.

mod table;

use std::collections::BTreeMap;

use central_oauth_domain::workload::{Policy, TrustedIssuer};
use central_oauth_provider_openidconnect::{WorkloadIssuerError, WorkloadIssuerSettings};
use serde::Deserialize;

use super::{ConfigError, Environment, ProviderConfig, toml_file};
use table::{IssuerTable, PolicyTable};

/// The trusted issuers, and what their workloads may do.
pub(crate) struct WorkloadConfig {
    pub(crate) issuers: Vec<TrustedIssuer>,
    pub(crate) policies: Vec<Policy>,
    /// Where the signing keys of each issuer are.
    pub(crate) keys: Vec<WorkloadIssuerSettings>,
    path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    issuer: BTreeMap<String, IssuerTable>,
    #[serde(default)]
    workload: BTreeMap<String, PolicyTable>,
}

impl WorkloadConfig {
    const VARIABLE: &'static str = "WORKLOADS";

    /// Reads the file, if there is one. The default audience of an issuer is the public URL, byte for byte as the
    /// operator wrote it.
    pub(crate) fn read(
        environment: &Environment,
        providers: &ProviderConfig,
    ) -> Result<Option<Self>, ConfigError> {
        let Some(path) = environment.text(Self::VARIABLE) else {
            return Ok(None);
        };
        let file: File = toml_file::read(Self::VARIABLE, path)?;
        let wrong = |(table, problem)| {
            let problem = format!("{path}, table {table}: {problem}");
            ConfigError::variable(Self::VARIABLE, problem)
        };
        let public_url = environment.text("PUBLIC_URL");
        file.validated(public_url, providers, path.to_owned())
            .map(Some)
            .map_err(wrong)
    }

    /// Creates an error about an issuer of the file.
    pub(crate) fn refused(&self, issuer: &str, error: &WorkloadIssuerError) -> ConfigError {
        let path = &self.path;
        let problem = format!("{path}, table issuer.{issuer}: {error}");
        ConfigError::variable(Self::VARIABLE, problem)
    }
}

/// The name of a table, and its problem.
type Wrong = (String, String);

impl File {
    fn validated(
        self,
        public_url: Option<&str>,
        providers: &ProviderConfig,
        path: String,
    ) -> Result<WorkloadConfig, Wrong> {
        let mut config = WorkloadConfig {
            issuers: Vec::new(),
            policies: Vec::new(),
            keys: Vec::new(),
            path,
        };
        for (name, table) in self.issuer {
            let wrong = |problem| (format!("issuer.{name}"), problem);
            let (issuer, keys) = table.validated(&name, public_url).map_err(wrong)?;
            if config.issuers.iter().any(|known| known.url == issuer.url) {
                return Err(wrong("another table has the same issuer".to_owned()));
            }
            config.issuers.push(issuer);
            config.keys.push(keys);
        }
        if self.workload.is_empty() {
            let problem = "there is none, so nobody could use it; add [workload.NAME]";
            return Err(("workload".to_owned(), problem.to_owned()));
        }
        for (name, table) in self.workload {
            let policy = table.validated(&name, &config.issuers, providers);
            let policy = policy.map_err(|problem| (format!("workload.{name}"), problem));
            config.policies.push(policy?);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests;
