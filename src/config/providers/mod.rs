//! The providers: one from the environment, any number from a file.

mod source;
mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use central_oauth_domain::grant::ProviderName;
use central_oauth_provider_openidconnect::{ProviderSettings, SettingsError};
use url::Url;

use super::{ConfigError, Environment, KNOWN, toml_file};
use source::Source;
use table::Table;

/// The providers, and the default one.
#[derive(Default)]
pub(crate) struct ProviderConfig {
    pub(crate) providers: Vec<Provider>,
    pub(crate) default: Option<ProviderName>,
}

/// A provider, and where it is configured.
pub(crate) struct Provider {
    pub(crate) settings: ProviderSettings,
    source: Source,
}

impl ProviderConfig {
    const DEFAULT_NAME: &'static str = "default";

    /// Reads the provider of the environment and those of the file. Two providers must not have the same name.
    pub(crate) fn read(environment: &Environment, timeout: Duration) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if let Some(path) = environment.text("PROVIDERS") {
            let tables: BTreeMap<String, Table> = toml_file::read("PROVIDERS", path)?;
            for (name, table) in tables {
                let source = Source::File {
                    path: path.to_owned(),
                    table: name.clone(),
                };
                config.add(&name, table, source, environment, timeout)?;
            }
        }
        if environment.text("PROVIDER_CLIENT_ID").is_some() {
            let name = environment.text("PROVIDER_NAME");
            let name = name.unwrap_or(Self::DEFAULT_NAME);
            let table = Table::of_environment(environment)?;
            config.add(name, table, Source::Environment, environment, timeout)?;
        } else if let Some(variable) = orphan(environment) {
            let problem = "is set, but CENTRAL_OAUTH_PROVIDER_CLIENT_ID is not set";
            return Err(ConfigError::variable(variable, problem));
        }
        Ok(config)
    }

    /// Returns the issuers whose metadata the service fetches.
    pub(crate) fn issuers(&self) -> Vec<(ProviderName, Url)> {
        let issuers = self.providers.iter().filter_map(|provider| {
            let settings = &provider.settings;
            Some((settings.name.clone(), settings.issuer.clone()?))
        });
        issuers.collect()
    }

    /// Returns a warning if there is no provider, and a warning for each provider that has the same client as an
    /// earlier provider.
    pub(crate) fn warnings(&self) -> Vec<String> {
        if self.providers.is_empty() {
            return vec!["no provider is configured: nobody can link an account".to_owned()];
        }
        let all = self.providers.iter().map(|provider| &provider.settings);
        let shared = all.clone().enumerate().filter_map(|(earlier, this)| {
            let mut earlier = all.clone().take(earlier);
            let first = earlier.find(|other| have_same_client(other, this))?;
            Some(format!(
                "the providers {} and {} have the same client id at the same server: at some servers, deleting an account of one also ends the \
                 person's grant of the other. Use one provider with all scopes, or two clients",
                first.name, this.name
            ))
        });
        shared.collect()
    }

    /// Returns the provider of `dev`.
    pub(crate) fn built_in(settings: ProviderSettings) -> Self {
        let source = Source::BuiltIn;
        Self {
            providers: vec![Provider { settings, source }],
            default: None,
        }
    }

    fn add(
        &mut self,
        name: &str,
        table: Table,
        source: Source,
        environment: &Environment,
        timeout: Duration,
    ) -> Result<(), ConfigError> {
        let mut names = self.providers.iter().map(|p| p.settings.name.as_str());
        if names.any(|taken| taken == name) {
            return Err(source.error("name is already used by a provider of the file"));
        }
        let is_default = table.default;
        let settings = table
            .settings(name, environment, timeout)
            .map_err(|problem| source.error(&problem))?;
        if is_default && self.default.replace(settings.name.clone()).is_some() {
            return Err(source.error("default is already true for another provider"));
        }
        self.providers.push(Provider { settings, source });
        Ok(())
    }
}

impl Provider {
    /// Returns where the provider is configured: `the environment`, or the file.
    pub(crate) fn place(&self) -> &str {
        match &self.source {
            Source::Environment => "the environment",
            Source::File { path, .. } => path,
            Source::BuiltIn => "this program",
        }
    }

    /// Returns why these settings are invalid.
    pub(crate) fn refused(&self, error: &SettingsError) -> ConfigError {
        self.source.error(&error.to_string())
    }
}

/// Whether two providers have the same client id at the same server.
fn have_same_client(one: &ProviderSettings, other: &ProviderSettings) -> bool {
    let issuer = |settings: &ProviderSettings| {
        let issuer = settings.issuer.as_ref()?;
        Some(issuer.as_str().trim_end_matches('/').to_owned())
    };
    let has_same_issuer = issuer(one).is_some() && issuer(one) == issuer(other);
    let endpoint = &one.token_endpoint;
    let has_same_endpoint = endpoint.is_some() && *endpoint == other.token_endpoint;
    one.client_id == other.client_id && (has_same_issuer || has_same_endpoint)
}

/// Returns a variable of the provider that is set although no provider is configured in the environment.
fn orphan(environment: &Environment) -> Option<&'static str> {
    let mut set = KNOWN
        .iter()
        .copied()
        .filter(|name| environment.is_set(name));
    set.find(|name| name.starts_with("PROVIDER_") && *name != "PROVIDER_TIMEOUT")
}
