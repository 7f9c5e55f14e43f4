//! Known providers as data: one file each in `profiles/`, embedded in the binary.
//!
//! To add a provider, see CONTRIBUTING.md. If no key describes its quirk, add a key named after the behaviour. The code
//! never asks which provider it is.

mod addresses;
mod embedded;
mod template;

use std::collections::BTreeMap;

use central_oauth_domain::ports::ScopeWords;
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
    /// The name that people see.
    pub name: String,
    /// The supported flows; the first is the default.
    pub flows: Vec<Flow>,
    /// The issuer to discover. Like all URLs here, it may contain placeholders.
    pub issuer: Option<String>,
    /// The authentication method of a client with a secret.
    pub token_endpoint_auth_method: Option<ClientAuthMethod>,
    /// The default scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What scopes permit, in English; `""` stands for a request without scopes.
    #[serde(default)]
    pub scope_words: BTreeMap<String, String>,
    /// The members of token responses that clients get by default.
    #[serde(default)]
    pub extra: Vec<String>,
    /// The placeholders, by name. The operator sets the value with a key of this name.
    #[serde(default)]
    pub placeholders: BTreeMap<String, Placeholder>,
    /// Endpoints that need not, or cannot, be discovered, by their keys in [`ProviderSettings`].
    #[serde(default)]
    pub endpoints: BTreeMap<String, String>,
    /// Parameters of every authorization request.
    #[serde(default)]
    pub authorization_parameters: BTreeMap<String, String>,
    /// Where the provider departs from the RFCs.
    #[serde(default)]
    pub quirks: Quirks,
    /// Facts for operators, only for the documentation.
    pub facts: Facts,
    /// What to set up at the provider, only for the documentation.
    pub setup: Setup,
    /// Sources of the facts, by the names used in the file's comments.
    pub sources: BTreeMap<String, String>,
}

/// A part of URLs or parameters that differs between operators.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placeholder {
    /// What the value is, for error messages and the documentation.
    pub what: String,
    /// The default value.
    pub default: Option<String>,
    /// Whether the value may be missing. If it is missing, parameters that contain the placeholder are left out.
    #[serde(default)]
    pub optional: bool,
}

/// Facts for operators.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// Lifetime of access tokens.
    pub access_token: Option<String>,
    /// Lifetime of refresh tokens, and what ends them.
    pub refresh_token: Option<String>,
    /// Maximum age of grants, if neither a response nor a quirk states it.
    pub grant: Option<String>,
    /// Whether a refresh returns a new refresh token.
    pub rotation: Option<String>,
    /// How long a used refresh token still works.
    pub reuse_grace: Option<String>,
    /// What a refresh does to the previous access token.
    pub previous_access_token: Option<String>,
    /// What a revocation ends.
    pub revocation: Option<String>,
    /// Where people can revoke the grant themselves.
    pub revoke_at: Option<String>,
    /// Rate limits and quotas, such as the number of refresh tokens per person.
    pub limits: Option<String>,
}

/// What to set up at the provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// The steps, one sentence each.
    pub steps: Vec<String>,
}

/// No profile has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is unknown; known presets are {}", Profile::names().collect::<Vec<_>>().join(", "))]
pub struct UnknownProfile;

/// Why a preset cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongProfile {
    /// Unknown name.
    #[error("preset {0}")]
    Unknown(#[from] UnknownProfile),
    /// Invalid quirks.
    #[error("quirks {}", .0.message())]
    Quirks(#[from] toml::de::Error),
}

/// Why a profile does not fit the operator's settings. The text begins with the name of the setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProfileError(String);

impl Profile {
    /// Returns the profile of this name.
    ///
    /// # Errors
    /// If there is none. The error lists the existing names.
    pub fn named(name: &str) -> Result<Self, UnknownProfile> {
        let text = embedded::file(name).ok_or(UnknownProfile)?;
        // Parsing cannot fail, because a test parses all files.
        toml::from_str(text).map_err(|_| UnknownProfile)
    }

    /// Returns the profile of this name with these quirks merged over its own, key by key.
    ///
    /// # Errors
    /// If there is no such profile, or a quirk is unknown or has a wrong type.
    pub fn with_quirks(name: &str, quirks: Table) -> Result<Self, WrongProfile> {
        let mut profile = Self::named(name)?;
        let text = embedded::file(name).ok_or(UnknownProfile)?;
        let mut file: Table = toml::from_str(text)?;
        let own = file.remove("quirks").unwrap_or_else(|| Table::new().into());
        profile.quirks = merge(own, quirks.into()).try_into()?;
        Ok(profile)
    }

    /// Returns the names of all profiles, sorted.
    pub fn names() -> impl Iterator<Item = &'static str> {
        embedded::FILES.iter().map(|(name, _)| *name)
    }

    /// Fills in what the operator's settings leave open. `values` are the values of the placeholders.
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
        self.complete_words(&mut settings);
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

    fn complete_words(&self, settings: &mut ProviderSettings) {
        for (scope, text) in &self.scope_words {
            let given = settings.scope_words.entry(scope.clone());
            given.or_insert_with(|| ScopeWords {
                text: text.clone(),
                language: Some("en"),
            });
        }
    }

    /// Returns the flow that the operator chose, or an error if the provider does not support it. If the operator chose
    /// none, returns the profile's first flow. A device flow that cannot grant the scopes is replaced by the redirect
    /// flow, if the profile has one.
    fn flow(&self, given: Option<Flow>, settings: &ProviderSettings) -> Result<Flow, ProfileError> {
        let has = |flow: Flow| match flow {
            Flow::Device => settings.device_authorization_endpoint.is_some(),
            Flow::AuthorizationCode => settings.authorization_endpoint.is_some(),
        };
        match given {
            Some(flow) if self.flows.contains(&flow) || has(flow) => Ok(flow),
            Some(flow) => {
                let only = match flow {
                    Flow::Device => Flow::AuthorizationCode,
                    Flow::AuthorizationCode => Flow::Device,
                };
                let problem = format!("flow must be {only}, the only flow of this provider");
                Err(ProfileError(problem))
            }
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

/// Merges one value over another: tables key by key, anything else as a whole.
fn merge(below: Value, above: Value) -> Value {
    match (below, above) {
        (Value::Table(mut below), Value::Table(above)) => {
            for (key, value) in above {
                let value = match below.remove(&key) {
                    Some(old) => merge(old, value),
                    None => value,
                };
                below.insert(key, value);
            }
            Value::Table(below)
        }
        (_, above) => above,
    }
}
