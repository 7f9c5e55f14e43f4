//! The providers: one from the environment, any number from a file.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Duration;

use central_oauth_domain::grant::ProviderName;
use central_oauth_provider_device_flow::{ProviderSettings, UnknownClientAuthMethod};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::{ConfigError, Environment};

/// The providers, and which one is meant when a client names none.
#[derive(Default)]
pub(crate) struct ProviderConfig {
    pub(crate) providers: Vec<ProviderSettings>,
    pub(crate) default: Option<ProviderName>,
}

/// `PROVIDERS`, and the variables of the one provider that needs no file.
#[derive(Deserialize)]
struct Raw {
    providers: Option<String>,
    provider_name: Option<String>,
    provider_display_name: Option<String>,
    provider_issuer: Option<String>,
    provider_client_id: Option<String>,
    provider_client_secret: Option<SecretString>,
    provider_scopes: Option<String>,
    provider_device_authorization_endpoint: Option<String>,
    provider_token_endpoint: Option<String>,
    provider_revocation_endpoint: Option<String>,
    provider_userinfo_endpoint: Option<String>,
    provider_token_endpoint_auth_method: Option<String>,
}

/// One table of the file. The provider of the environment is put into the same form.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Table {
    preset: Option<String>,
    display_name: Option<String>,
    #[serde(default)]
    default: bool,
    flow: Option<String>,
    issuer: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    client_secret_env: Option<String>,
    client_secret_file: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    device_authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_method: Option<String>,
}

impl ProviderConfig {
    /// Reads both sources; a name may stand in one of them only.
    pub(crate) fn read(environment: &Environment, timeout: Duration) -> Result<Self, ConfigError> {
        let raw: Raw = environment.section()?;
        let mut config = Self::default();
        if let Some(path) = &raw.providers {
            for (name, table) in read_file(Path::new(path))? {
                let place = format!("{path}, provider {name}");
                config.add(&name, table, environment, timeout, &place)?;
            }
        }
        if raw.provider_client_id.is_some() {
            let name = raw
                .provider_name
                .clone()
                .unwrap_or_else(|| "default".to_owned());
            config.add(
                &name,
                raw.into_table(),
                environment,
                timeout,
                "CENTRAL_OAUTH_PROVIDER_*",
            )?;
        } else if let Some(variable) = raw.orphan() {
            let problem = "is set, but CENTRAL_OAUTH_PROVIDER_CLIENT_ID is not";
            return Err(ConfigError::variable(variable, problem));
        }
        Ok(config)
    }

    fn add(
        &mut self,
        name: &str,
        table: Table,
        environment: &Environment,
        timeout: Duration,
        place: &str,
    ) -> Result<(), ConfigError> {
        let taken: HashSet<_> = self.providers.iter().map(|p| p.name.as_str()).collect();
        if taken.contains(name) {
            return Err(ConfigError::place(
                place,
                format!("there are two providers named {name}"),
            ));
        }
        let is_default = table.default;
        let settings = table.settings(name, environment, timeout, place)?;
        if is_default && self.default.replace(settings.name.clone()).is_some() {
            return Err(ConfigError::place(
                place,
                "two providers are marked `default = true`",
            ));
        }
        self.providers.push(settings);
        Ok(())
    }
}

impl Raw {
    /// A variable of the provider that makes no sense without a client id.
    fn orphan(&self) -> Option<&'static str> {
        let device = self.provider_device_authorization_endpoint.is_some();
        let variables = [
            ("PROVIDER_ISSUER", self.provider_issuer.is_some()),
            (
                "PROVIDER_CLIENT_SECRET",
                self.provider_client_secret.is_some(),
            ),
            (
                "PROVIDER_TOKEN_ENDPOINT",
                self.provider_token_endpoint.is_some(),
            ),
            ("PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT", device),
        ];
        let set = variables.into_iter().find(|(_, is_set)| *is_set);
        set.map(|(name, _)| name)
    }

    fn into_table(self) -> Table {
        let scopes = self.provider_scopes.unwrap_or_default();
        let scopes = scopes.split([' ', ',']).filter(|scope| !scope.is_empty());
        Table {
            scopes: scopes.map(str::to_owned).collect(),
            display_name: self.provider_display_name,
            issuer: self.provider_issuer,
            client_id: self.provider_client_id,
            client_secret: self.provider_client_secret,
            device_authorization_endpoint: self.provider_device_authorization_endpoint,
            token_endpoint: self.provider_token_endpoint,
            revocation_endpoint: self.provider_revocation_endpoint,
            userinfo_endpoint: self.provider_userinfo_endpoint,
            token_endpoint_auth_method: self.provider_token_endpoint_auth_method,
            ..Table::default()
        }
    }
}

impl Table {
    fn settings(
        mut self,
        name: &str,
        environment: &Environment,
        timeout: Duration,
        place: &str,
    ) -> Result<ProviderSettings, ConfigError> {
        let wrong = |problem: &str| ConfigError::place(place, problem);
        check_name(name).map_err(wrong)?;
        if self.preset.is_some() {
            return Err(wrong(
                "this version knows no presets: give `issuer` or the endpoints",
            ));
        }
        if !matches!(self.flow.as_deref(), None | Some("device")) {
            return Err(wrong("`flow` is \"device\": this version knows no other"));
        }
        let client_secret = self.secret(environment, place)?;
        let token_endpoint_auth_method = self
            .token_endpoint_auth_method
            .map(|method| method.parse())
            .transpose()
            .map_err(|error: UnknownClientAuthMethod| {
                ConfigError::place(place, format!("token_endpoint_auth_method {error}"))
            })?;
        let url = |key: &str, value: Option<String>| {
            let parse = |text: String| {
                Url::parse(&text)
                    .map_err(|_| ConfigError::place(place, format!("`{key}` is not a URL")))
            };
            value.map(parse).transpose()
        };
        let settings = ProviderSettings {
            name: ProviderName::new(name),
            display_name: self.display_name.unwrap_or_else(|| name.to_owned()),
            client_id: self
                .client_id
                .ok_or_else(|| wrong("`client_id` is missing"))?,
            client_secret,
            scopes: self.scopes,
            issuer: url("issuer", self.issuer)?,
            device_authorization_endpoint: url(
                "device_authorization_endpoint",
                self.device_authorization_endpoint,
            )?,
            token_endpoint: url("token_endpoint", self.token_endpoint)?,
            revocation_endpoint: url("revocation_endpoint", self.revocation_endpoint)?,
            userinfo_endpoint: url("userinfo_endpoint", self.userinfo_endpoint)?,
            token_endpoint_auth_method,
            timeout,
        };
        Ok(settings)
    }

    /// The client secret, from the one place that names it.
    fn secret(
        &mut self,
        environment: &Environment,
        place: &str,
    ) -> Result<Option<SecretString>, ConfigError> {
        let (inline, variable, file) = (
            self.client_secret.take(),
            self.client_secret_env.take(),
            self.client_secret_file.take(),
        );
        let given = [inline.is_some(), variable.is_some(), file.is_some()];
        if given.into_iter().filter(|given| *given).count() > 1 {
            let problem =
                "give one of `client_secret`, `client_secret_env` and `client_secret_file`";
            return Err(ConfigError::place(place, problem));
        }
        let secret = match (inline, variable, file) {
            (Some(secret), _, _) => Some(secret),
            (_, Some(variable), _) => Some(environment.secret(&variable).ok_or_else(|| {
                ConfigError::place(
                    place,
                    format!("the variable {variable} of `client_secret_env` is not set"),
                )
            })?),
            (_, _, Some(file)) => Some(
                std::fs::read_to_string(&file)
                    .map(SecretString::from)
                    .map_err(|error| {
                        ConfigError::place(
                            place,
                            format!("`client_secret_file` {file} cannot be read: {error}"),
                        )
                    })?,
            ),
            _ => None,
        };
        // A secret from a file ends with a line feed more often than not.
        Ok(secret.map(|secret| {
            SecretString::from(secret.expose_secret().trim_end_matches(['\r', '\n']))
        }))
    }
}

fn read_file(path: &Path) -> Result<BTreeMap<String, Table>, ConfigError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        ConfigError::variable(
            "PROVIDERS",
            format!("the file {shown} cannot be read: {error}"),
        )
    })?;
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        // The error's own text shows the line, which may hold a secret.
        let line = error.span().map_or(1, |span| {
            text.get(..span.start)
                .unwrap_or_default()
                .matches('\n')
                .count()
                + 1
        });
        let problem = error
            .message()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        ConfigError::variable("PROVIDERS", format!("{shown}, line {line}: {problem}"))
    })
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= 64 && name.chars().all(plain) {
        Ok(())
    } else {
        Err("a provider's name has up to 64 letters, digits, dots, hyphens and underscores")
    }
}
