//! A provider as the operator configures it.

use std::collections::BTreeMap;
use std::time::Duration;

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::ports::ScopeWords;
use central_oauth_domain::text::is_deceptive;
use central_oauth_provider_openidconnect::{
    ClientAuthMethod, Flow, Profile, ProviderSettings, WrongProfile,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::super::environment::read_secret;
use super::super::toml_file::harmless;
use super::super::words::Words;
use super::super::{ConfigError, Environment};

/// A table of the providers file. The provider of the environment is converted to this type too.
#[derive(Deserialize, Default)]
#[serde(
    deny_unknown_fields,
    expecting = "a table for each provider, like [work]"
)]
pub(super) struct Table {
    pub(super) preset: Option<String>,
    pub(super) display_name: Option<String>,
    /// The name under which the provider shows this service to people.
    pub(super) consent_name: Option<String>,
    #[serde(default)]
    pub(super) default: bool,
    pub(super) flow: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<SecretString>,
    pub(super) client_secret_env: Option<String>,
    pub(super) client_secret_file: Option<String>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    /// What scopes permit, explained to people. An empty text removes the explanation of the preset.
    #[serde(default)]
    pub(super) scope_words: BTreeMap<String, String>,
    pub(super) authorization_endpoint: Option<String>,
    pub(super) device_authorization_endpoint: Option<String>,
    pub(super) token_endpoint: Option<String>,
    pub(super) revocation_endpoint: Option<String>,
    pub(super) userinfo_endpoint: Option<String>,
    pub(super) token_endpoint_auth_method: Option<String>,
    pub(super) device_token_endpoint: Option<String>,
    #[serde(default)]
    pub(super) authorization_parameters: BTreeMap<String, String>,
    /// Where the provider departs from the RFCs; overrides the preset.
    #[serde(default)]
    pub(super) quirks: toml::Table,
    /// Additional parameters of token responses that the service passes on to clients. An empty list removes the
    /// parameters of the preset.
    pub(super) extra: Option<Vec<String>>,
    pub(super) trace_context: Option<bool>,
    pub(super) host: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) realm: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) audience: Option<String>,
}

const TRACE_CONTEXT: Words<bool> = Words(
    "PROVIDER_TRACE_CONTEXT",
    &[("true", true), ("false", false)],
);

impl Table {
    /// Reads the provider of the environment.
    pub(super) fn of_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let text = |key: &str| {
            let value = environment.text(&format!("PROVIDER_{key}"));
            value.map(str::to_owned)
        };
        let scopes = text("SCOPES").unwrap_or_default();
        let scopes = scopes.split(|c: char| c.is_whitespace() || c == ',');
        let scopes = scopes.filter(|scope| !scope.is_empty()).map(str::to_owned);
        Ok(Self {
            scopes: scopes.collect(),
            preset: text("PRESET"),
            display_name: text("DISPLAY_NAME"),
            consent_name: text("CONSENT_NAME"),
            issuer: text("ISSUER"),
            client_id: text("CLIENT_ID"),
            client_secret: environment.secret("PROVIDER_CLIENT_SECRET")?,
            flow: text("FLOW"),
            authorization_endpoint: text("AUTHORIZATION_ENDPOINT"),
            device_authorization_endpoint: text("DEVICE_AUTHORIZATION_ENDPOINT"),
            token_endpoint: text("TOKEN_ENDPOINT"),
            revocation_endpoint: text("REVOCATION_ENDPOINT"),
            userinfo_endpoint: text("USERINFO_ENDPOINT"),
            token_endpoint_auth_method: text("TOKEN_ENDPOINT_AUTH_METHOD"),
            trace_context: Some(TRACE_CONTEXT.read(environment, false)?),
            host: text("HOST"),
            domain: text("DOMAIN"),
            realm: text("REALM"),
            tenant: text("TENANT"),
            audience: text("AUDIENCE"),
            ..Self::default()
        })
    }

    /// Returns the settings. An error begins with the name of the wrong key.
    pub(super) fn settings(
        mut self,
        name: &str,
        environment: &Environment,
        timeout: Duration,
    ) -> Result<ProviderSettings, String> {
        check_name(name)?;
        let quirks = std::mem::take(&mut self.quirks);
        let profile = self.preset.take();
        let profile = profile.map(|preset| Profile::with_quirks(&preset, quirks.clone()));
        let mut profile = profile.transpose().map_err(|error| match error {
            WrongProfile::Quirks(error) => wrong_quirks(&error),
            WrongProfile::Unknown(error) => format!("preset {error}"),
        })?;
        self.remove_empty(profile.as_mut());
        let values = self.take_placeholders();
        let flow = self.flow.take().map(|flow| {
            let known = Flow::parse(&flow);
            known.ok_or("flow must be device or authorization_code")
        });
        let flow = flow.transpose()?;
        let settings = self.written(name, environment)?;
        let settings = ProviderSettings {
            timeout,
            flow: flow.unwrap_or_default(),
            ..settings
        };
        match (profile, values.keys().next()) {
            (Some(profile), _) => profile
                .complete(settings, flow, &values)
                .map_err(|error| error.to_string()),
            (None, Some(key)) => Err(format!("{key} needs a preset")),
            (None, None) => {
                let quirks = quirks.try_into().map_err(|error| wrong_quirks(&error))?;
                Ok(ProviderSettings { quirks, ..settings })
            }
        }
    }

    /// Returns the operator's settings, without those of the preset.
    fn written(self, name: &str, environment: &Environment) -> Result<ProviderSettings, String> {
        let client_secret = self.secret(environment)?;
        let client_id = self.client_id.ok_or("client_id is missing")?;
        check_copied("client_id", &client_id)?;
        let settings = ProviderSettings::new(ProviderName::new(name), client_id);
        let method = self.token_endpoint_auth_method.map(|method| {
            let known = ClientAuthMethod::parse(&method);
            known.ok_or("token_endpoint_auth_method must be client_secret_basic, client_secret_post or none")
        });
        let consent_name = self.consent_name.map(|name| name.trim().to_owned());
        let scope_words = self.scope_words.into_iter().map(|(scope, text)| {
            let language = None;
            (scope, ScopeWords { text, language })
        });
        Ok(ProviderSettings {
            client_secret,
            display_name: self.display_name.unwrap_or_default(),
            consent_name: consent_name.filter(|name| !name.is_empty()),
            scope_words: scope_words.collect(),
            issuer: url("issuer", self.issuer)?,
            authorization_endpoint: url("authorization_endpoint", self.authorization_endpoint)?,
            device_authorization_endpoint: url(
                "device_authorization_endpoint",
                self.device_authorization_endpoint,
            )?,
            token_endpoint: url("token_endpoint", self.token_endpoint)?,
            revocation_endpoint: url("revocation_endpoint", self.revocation_endpoint)?,
            userinfo_endpoint: url("userinfo_endpoint", self.userinfo_endpoint)?,
            token_endpoint_auth_method: method.transpose()?,
            device_token_endpoint: url("device_token_endpoint", self.device_token_endpoint)?,
            authorization_parameters: self.authorization_parameters.into_iter().collect(),
            scopes: self.scopes,
            extra: self.extra.unwrap_or_default(),
            trace_context: self.trace_context.unwrap_or_default(),
            ..settings
        })
    }

    /// Removes settings whose text is empty, and also removes the preset's values for these settings.
    fn remove_empty(&mut self, mut profile: Option<&mut Profile>) {
        macro_rules! remove_empty {
            ($($key:ident),+) => {$(
                if self.$key.as_deref() == Some("") {
                    self.$key = None;
                    if let Some(profile) = &mut profile {
                        profile.forget(stringify!($key));
                    }
                }
            )+};
        }
        remove_empty!(
            issuer,
            authorization_endpoint,
            device_authorization_endpoint,
            device_token_endpoint,
            token_endpoint,
            revocation_endpoint,
            userinfo_endpoint,
            token_endpoint_auth_method
        );
        if let (Some([]), Some(profile)) = (self.extra.as_deref(), &mut profile) {
            profile.extra.clear();
        }
        self.authorization_parameters.retain(|name, value| {
            if let (true, Some(profile)) = (value.is_empty(), &mut profile) {
                profile.authorization_parameters.remove(name);
            }
            !value.is_empty()
        });
    }

    /// Returns the values for the placeholders in the preset's URLs, by key.
    fn take_placeholders(&mut self) -> BTreeMap<String, String> {
        let all = [
            ("host", self.host.take()),
            ("domain", self.domain.take()),
            ("realm", self.realm.take()),
            ("tenant", self.tenant.take()),
            ("audience", self.audience.take()),
        ];
        let given = all.into_iter();
        given
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect()
    }

    /// Returns the client secret. Only one of the three settings for the secret may be set.
    fn secret(&self, environment: &Environment) -> Result<Option<SecretString>, String> {
        let inline = self.client_secret.as_ref();
        let places = (inline, &self.client_secret_env, &self.client_secret_file);
        let secret = match places {
            (None, None, None) => return Ok(None),
            (Some(secret), None, None) => secret.clone(),
            (None, Some(variable), None) => environment
                .named(variable)
                .ok_or_else(|| format!("client_secret_env names {variable}, which is not set"))?,
            (None, None, Some(file)) => {
                read_secret(file).map_err(|problem| format!("client_secret_file: {problem}"))?
            }
            _ => {
                return Err(
                    "only one of client_secret, client_secret_env and client_secret_file may be set"
                        .to_owned(),
                );
            }
        };
        // Secret files often end with a line feed.
        let secret = secret.expose_secret().trim_end_matches(['\r', '\n']);
        check_copied("client_secret", secret)?;
        Ok(Some(SecretString::from(secret)))
    }
}

/// Rejects white space and invisible characters that were copied along with a client id or secret. RFC 6749, appendices
/// A.1 and A.2, allow visible characters and spaces.
fn check_copied(key: &str, text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(format!("{key} is empty"));
    }
    if text.trim() != text {
        return Err(format!("{key} begins or ends with white space"));
    }
    if text.chars().any(is_deceptive) {
        return Err(format!("{key} has a line break or an invisible character"));
    }
    Ok(())
}

fn url(key: &str, text: Option<String>) -> Result<Option<Url>, String> {
    let url = text.map(|text| Url::parse(&text)).transpose();
    url.map_err(|_| format!("{key} is not a URL"))
}

fn wrong_quirks(error: &toml::de::Error) -> String {
    format!("quirks: {}", harmless(error.message()))
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= 64 && name.chars().all(plain) {
        Ok(())
    } else {
        Err("name must have 1 to 64 letters, digits, dots, hyphens and underscores")
    }
}

#[cfg(test)]
mod tests;
