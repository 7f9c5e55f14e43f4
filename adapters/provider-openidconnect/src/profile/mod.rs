//! Known providers as data: one file each in `profiles/`, embedded in the binary.
//!
//! To add one: write the file, name it in `embedded`, run the ignored test `write_the_document`, and imitate in
//! `tests/provider/quirks/` what it does unlike the RFCs. A quirk that no key describes gets a key named after the
//! behaviour; the code never asks who the provider is.

mod addresses;
mod embedded;
mod template;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};

use crate::client_auth::ClientAuthMethod;
use crate::quirks::Quirks;
use crate::settings::{Flow, ProviderSettings};
use template::Template;

/// A known provider, as its file describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What people know it by.
    pub name: String,
    /// The flows that it has; the first is taken unless the operator says otherwise.
    pub flows: Vec<Flow>,
    /// The issuer to discover. May have placeholders, like every address here.
    pub issuer: Option<String>,
    /// How a client with a secret authenticates.
    pub token_endpoint_auth_method: Option<ClientAuthMethod>,
    /// What is asked for where the operator lists no scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Members of token answers that clients need, unless the operator lists others.
    #[serde(default)]
    pub extra: Vec<String>,
    /// What the operator fills in, by a key of the same name.
    #[serde(default)]
    pub placeholders: BTreeMap<String, Placeholder>,
    /// The endpoints that need not be, or cannot be, discovered.
    #[serde(default)]
    pub endpoints: Endpoints,
    /// Added to every authorization request.
    #[serde(default)]
    pub authorization_parameters: BTreeMap<String, String>,
    /// Where it departs from the RFCs.
    #[serde(default)]
    pub quirks: Quirks,
    /// What operators should know; for the documentation alone.
    pub facts: Facts,
    /// What to switch on first; for the documentation alone.
    pub setup: Setup,
    /// Where all this is known from, by the names that the comments of the file use.
    pub sources: BTreeMap<String, String>,
}

/// A part of addresses that differs between operators.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placeholder {
    /// What it is, in words.
    pub what: String,
    /// Its value unless another is given.
    pub default: Option<String>,
    /// Without a value, parameters made of it are left out.
    #[serde(default)]
    pub optional: bool,
}

/// Endpoints, named as in [`ProviderSettings`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Endpoints {
    pub authorization_endpoint: Option<String>,
    pub device_authorization_endpoint: Option<String>,
    pub device_token_endpoint: Option<String>,
    pub token_endpoint: Option<String>,
    pub revocation_endpoint: Option<String>,
    pub userinfo_endpoint: Option<String>,
}

/// What operators should know, in words.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// How long access tokens last.
    pub access_token: Option<String>,
    /// How long refresh tokens last, and what ends them.
    pub refresh_token: Option<String>,
    /// When grants end however they are used, where neither an answer nor a quirk tells it ahead.
    pub grant: Option<String>,
    /// Whether a refresh brings a new refresh token.
    pub rotation: Option<String>,
    /// How long a refresh token that has been used still serves.
    pub reuse_grace: Option<String>,
    /// What a refresh does to access tokens that clients hold.
    pub previous_access_token: Option<String>,
    /// What revoking ends.
    pub revocation: Option<String>,
    /// Where people revoke by themselves.
    pub revoke_at: Option<String>,
    /// Limits of numbers and pace.
    pub limits: Option<String>,
}

/// What to switch on at the provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// One sentence each.
    pub steps: Vec<String>,
}

/// No profile has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is unknown; there are {}", Profile::names().collect::<Vec<_>>().join(", "))]
pub struct UnknownProfile;

/// Why there is no such profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongProfile {
    /// Its name.
    #[error("preset {0}")]
    Unknown(#[from] UnknownProfile),
    /// What is to differ from it.
    #[error("quirks {}", .0.message())]
    Quirks(#[from] toml::de::Error),
}

/// Why a profile does not go with what the operator says. The texts begin with the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A placeholder of other profiles.
    #[error("{0} means nothing to this preset")]
    UnknownKey(String),
    /// A placeholder without a value.
    #[error("{key} is missing: {what}")]
    Missing {
        /// The key.
        key: String,
        /// What it is.
        what: String,
    },
    /// A placeholder with a value that cannot be.
    #[error("{0} must be a name without a scheme, such as example.com")]
    Scheme(String),
    /// With the placeholders filled in, this is no address.
    #[error("{0} cannot be made of the values that are given: it is no address")]
    NoAddress(&'static str),
    /// The operator's issuer is another server than the one whose endpoints the preset knows.
    #[error(
        "issuer is another server's than this preset's endpoints: {instead}, or set these endpoints too (in a file \"\" leaves \
         one to the issuer's metadata): {endpoints}"
    )]
    OtherIssuer {
        /// What would do without an issuer.
        instead: String,
        /// The endpoints that the operator leaves out.
        endpoints: String,
    },
    /// A flow that the provider does not have.
    #[error("flow must be {0}: the provider has no other")]
    Flow(&'static str),
}

impl Profile {
    /// The profile of this name.
    ///
    /// # Errors
    /// When there is none; the error lists those that exist.
    pub fn named(name: &str) -> Result<Self, UnknownProfile> {
        let text = embedded::file(name).ok_or(UnknownProfile)?;
        // A test parses every one of them.
        toml::from_str(text).map_err(|_| UnknownProfile)
    }

    /// The profile of this name, with these quirks over its own, key by key.
    ///
    /// # Errors
    /// When there is no such profile, or a quirk is none or has another type.
    pub fn with_quirks(name: &str, quirks: Table) -> Result<Self, WrongProfile> {
        let mut profile = Self::named(name)?;
        let text = embedded::file(name).ok_or(UnknownProfile)?;
        let mut file: Table = toml::from_str(text)?;
        let own = file.remove("quirks").unwrap_or_else(|| Table::new().into());
        profile.quirks = laid_over(own, quirks.into()).try_into()?;
        Ok(profile)
    }

    /// The names of all profiles, sorted.
    pub fn names() -> impl Iterator<Item = &'static str> {
        embedded::FILES.iter().map(|(name, _)| *name)
    }

    /// Fills in whatever the operator's settings leave open. `values` are those of the placeholders.
    ///
    /// # Errors
    /// See [`ProfileError`].
    pub fn complete(
        &self,
        mut settings: ProviderSettings,
        flow: Option<Flow>,
        values: &BTreeMap<String, String>,
    ) -> Result<ProviderSettings, ProfileError> {
        let template = Template::new(&self.placeholders, values, &settings.client_id)?;
        self.complete_addresses(&mut settings, &template)?;
        if settings.display_name.is_empty() {
            settings.display_name.clone_from(&self.name);
        }
        if settings.scopes.is_empty() {
            settings.scopes.clone_from(&self.scopes);
        }
        if settings.extra.is_empty() {
            settings.extra.clone_from(&self.extra);
        }
        if settings.token_endpoint_auth_method.is_none() && settings.client_secret.is_some() {
            settings.token_endpoint_auth_method = self.token_endpoint_auth_method;
        }
        let mut quirks = self.quirks.clone();
        for parameters in quirks.parameters() {
            *parameters = template.table(parameters)?;
        }
        let response_issuer = &mut quirks.authorization.response_issuer;
        *response_issuer = template.optional(response_issuer.as_deref())?;
        settings.quirks = quirks;
        let mut parameters: Vec<_> = template.table(&self.authorization_parameters)?;
        let given = &mut settings.authorization_parameters;
        parameters.retain(|(name, _)| given.iter().all(|(other, _)| other != name));
        given.extend(parameters);
        settings.flow = self.flow(flow, &settings)?;
        Ok(settings)
    }

    /// The operator's flow; else the profile's first, unless the device flow does not give what is asked for.
    fn flow(&self, given: Option<Flow>, settings: &ProviderSettings) -> Result<Flow, ProfileError> {
        let has = |flow: Flow| match flow {
            Flow::Device => settings.device_authorization_endpoint.is_some(),
            Flow::AuthorizationCode => settings.authorization_endpoint.is_some(),
        };
        match given {
            Some(flow) if self.flows.contains(&flow) || has(flow) => Ok(flow),
            Some(Flow::Device) => Err(ProfileError::Flow("authorization_code")),
            Some(Flow::AuthorizationCode) => Err(ProfileError::Flow("device")),
            None => {
                let quirks = &settings.quirks.scopes;
                let first = self.flows.first().copied().unwrap_or_default();
                let is_refused = quirks.not_by_device_flow(&settings.scopes).is_some();
                let has_other = self.flows.contains(&Flow::AuthorizationCode);
                Ok(match first {
                    Flow::Device if is_refused && has_other => Flow::AuthorizationCode,
                    first => first,
                })
            }
        }
    }
}

/// One value over another: tables key by key, everything else as a whole.
fn laid_over(below: Value, above: Value) -> Value {
    match (below, above) {
        (Value::Table(mut below), Value::Table(above)) => {
            for (key, value) in above {
                let value = match below.remove(&key) {
                    Some(old) => laid_over(old, value),
                    None => value,
                };
                below.insert(key, value);
            }
            Value::Table(below)
        }
        (_, above) => above,
    }
}
