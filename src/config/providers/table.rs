//! One provider as its operator writes it.

use std::time::Duration;

use central_oauth_domain::grant::ProviderName;
use central_oauth_provider_openidconnect::{
    ProviderSettings, UnknownClientAuthMethod, UnknownFlow,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::super::Environment;

/// One table of the file. The provider of the environment is put into the same form.
#[derive(Deserialize, Default)]
#[serde(
    deny_unknown_fields,
    expecting = "a table for each provider, like [work]"
)]
pub(super) struct Table {
    pub(super) preset: Option<String>,
    pub(super) display_name: Option<String>,
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
    pub(super) authorization_endpoint: Option<String>,
    pub(super) device_authorization_endpoint: Option<String>,
    pub(super) token_endpoint: Option<String>,
    pub(super) revocation_endpoint: Option<String>,
    pub(super) userinfo_endpoint: Option<String>,
    pub(super) token_endpoint_auth_method: Option<String>,
}

impl Table {
    /// The settings, or what is wrong with them: a text that begins with the key that it is about.
    pub(super) fn settings(
        self,
        name: &str,
        environment: &Environment,
        timeout: Duration,
    ) -> Result<ProviderSettings, String> {
        check_name(name)?;
        self.check_version()?;
        Ok(ProviderSettings {
            name: ProviderName::new(name),
            client_secret: self.secret(environment)?,
            issuer: url("issuer", self.issuer)?,
            flow: self
                .flow
                .map(|flow| flow.parse())
                .transpose()
                .map_err(|error: UnknownFlow| format!("flow {error}"))?
                .unwrap_or_default(),
            authorization_endpoint: url("authorization_endpoint", self.authorization_endpoint)?,
            authorization_parameters: Vec::new(),
            device_authorization_endpoint: url(
                "device_authorization_endpoint",
                self.device_authorization_endpoint,
            )?,
            token_endpoint: url("token_endpoint", self.token_endpoint)?,
            revocation_endpoint: url("revocation_endpoint", self.revocation_endpoint)?,
            userinfo_endpoint: url("userinfo_endpoint", self.userinfo_endpoint)?,
            token_endpoint_auth_method: self
                .token_endpoint_auth_method
                .map(|method| method.parse())
                .transpose()
                .map_err(|error: UnknownClientAuthMethod| {
                    format!("token_endpoint_auth_method {error}")
                })?,
            display_name: self.display_name.unwrap_or_else(|| name.to_owned()),
            client_id: self.client_id.ok_or("client_id is missing")?,
            scopes: self.scopes,
            timeout,
        })
    }

    /// Refuses what only later versions know.
    fn check_version(&self) -> Result<(), &'static str> {
        if self.preset.is_some() {
            Err("preset is unknown to this version: give issuer, or the endpoints")
        } else {
            Ok(())
        }
    }

    /// The client secret, from the one place that names it.
    fn secret(&self, environment: &Environment) -> Result<Option<SecretString>, String> {
        let inline = self.client_secret.as_ref();
        let places = (inline, &self.client_secret_env, &self.client_secret_file);
        let secret = match places {
            (None, None, None) => return Ok(None),
            (Some(secret), None, None) => secret.clone(),
            (None, Some(variable), None) => environment
                .secret(variable)
                .ok_or_else(|| format!("client_secret_env names {variable}, which is not set"))?,
            (None, None, Some(file)) => std::fs::read_to_string(file)
                .map(SecretString::from)
                .map_err(|error| format!("client_secret_file {file:?} cannot be read: {error}"))?,
            _ => {
                return Err(
                    "client_secret, client_secret_env and client_secret_file exclude each other"
                        .to_owned(),
                );
            }
        };
        // A secret from a file ends with a line feed more often than not.
        match secret.expose_secret().trim_end_matches(['\r', '\n']) {
            "" => Err("client_secret is empty".to_owned()),
            secret => Ok(Some(SecretString::from(secret))),
        }
    }
}

fn url(key: &str, text: Option<String>) -> Result<Option<Url>, String> {
    let url = text.map(|text| Url::parse(&text)).transpose();
    url.map_err(|_| format!("{key} is not a URL"))
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= 64 && name.chars().all(plain) {
        Ok(())
    } else {
        Err("name can have up to 64 letters, digits, dots, hyphens and underscores")
    }
}
