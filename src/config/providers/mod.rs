//! The providers: one from the environment, any number from a file.

mod source;
mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use central_oauth_domain::grant::ProviderName;
use central_oauth_provider_openidconnect::{ProviderSettings, SettingsError};
use serde::Deserialize;
use url::Url;

use super::{ConfigError, Environment, KNOWN, toml_file};
use source::Source;
use table::{Switch, Table};

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

/// `PROVIDERS`, and the variables of a single provider.
#[derive(Deserialize)]
struct Raw {
    providers: Option<String>,
    provider_name: Option<String>,
    provider_preset: Option<String>,
    provider_display_name: Option<String>,
    provider_consent_name: Option<String>,
    provider_issuer: Option<String>,
    provider_client_id: Option<String>,
    provider_scopes: Option<String>,
    provider_flow: Option<String>,
    provider_authorization_endpoint: Option<String>,
    provider_device_authorization_endpoint: Option<String>,
    provider_token_endpoint: Option<String>,
    provider_revocation_endpoint: Option<String>,
    provider_userinfo_endpoint: Option<String>,
    provider_token_endpoint_auth_method: Option<String>,
    provider_trace_context: Option<String>,
    provider_host: Option<String>,
    provider_domain: Option<String>,
    provider_realm: Option<String>,
    provider_tenant: Option<String>,
    provider_audience: Option<String>,
}

impl ProviderConfig {
    const DEFAULT_NAME: &'static str = "default";

    /// Reads both sources; a name may appear in only one of them.
    pub(crate) fn read(environment: &Environment, timeout: Duration) -> Result<Self, ConfigError> {
        let mut raw: Raw = environment.section()?;
        let mut config = Self::default();
        if let Some(path) = raw.providers.take() {
            let tables: BTreeMap<String, Table> = toml_file::read("PROVIDERS", &path)?;
            for (name, table) in tables {
                let source = Source::File {
                    path: path.clone(),
                    table: name.clone(),
                };
                config.add(&name, table, source, environment, timeout)?;
            }
        }
        if raw.provider_client_id.is_some() {
            let name = raw.provider_name.take();
            let name = name.as_deref().unwrap_or(Self::DEFAULT_NAME);
            let mut table = raw.into_table();
            table.client_secret = environment.secret("PROVIDER_CLIENT_SECRET")?;
            config.add(name, table, Source::Environment, environment, timeout)?;
        } else if let Some(variable) = orphan(environment) {
            let problem = "is set, but CENTRAL_OAUTH_PROVIDER_CLIENT_ID is not";
            return Err(ConfigError::variable(variable, problem));
        }
        Ok(config)
    }

    /// Returns a warning if there is no provider.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        let is_empty = self.providers.is_empty();
        is_empty.then_some("no provider is configured: nobody can link an account")
    }

    /// Returns the issuers whose metadata are fetched.
    pub(crate) fn issuers(&self) -> Vec<(ProviderName, Url)> {
        let issuers = self.providers.iter().filter_map(|provider| {
            let settings = &provider.settings;
            Some((settings.name.clone(), settings.issuer.clone()?))
        });
        issuers.collect()
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
        self.source.error(&match error {
            SettingsError::Scope(scope) => format!("scopes has {scope:?}, which is not a scope"),
            // These begin with the key.
            error => error.to_string(),
        })
    }
}

/// A variable of the provider, set without a client id.
fn orphan(environment: &Environment) -> Option<&'static str> {
    let mut set = KNOWN
        .iter()
        .copied()
        .filter(|name| environment.is_set(name));
    set.find(|name| name.starts_with("PROVIDER_") && *name != "PROVIDER_TIMEOUT")
}

impl Raw {
    fn into_table(self) -> Table {
        let scopes = self.provider_scopes.unwrap_or_default();
        let scopes = scopes.split(|c: char| c.is_whitespace() || c == ',');
        let scopes = scopes.filter(|scope| !scope.is_empty()).map(str::to_owned);
        Table {
            scopes: scopes.collect(),
            preset: self.provider_preset,
            display_name: self.provider_display_name,
            consent_name: self.provider_consent_name,
            issuer: self.provider_issuer,
            client_id: self.provider_client_id,
            flow: self.provider_flow,
            authorization_endpoint: self.provider_authorization_endpoint,
            device_authorization_endpoint: self.provider_device_authorization_endpoint,
            token_endpoint: self.provider_token_endpoint,
            revocation_endpoint: self.provider_revocation_endpoint,
            userinfo_endpoint: self.provider_userinfo_endpoint,
            token_endpoint_auth_method: self.provider_token_endpoint_auth_method,
            trace_context: self.provider_trace_context.map(Switch::Text),
            host: self.provider_host,
            domain: self.provider_domain,
            realm: self.provider_realm,
            tenant: self.provider_tenant,
            audience: self.provider_audience,
            ..Table::default()
        }
    }
}
