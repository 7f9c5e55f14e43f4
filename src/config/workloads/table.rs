use std::collections::BTreeMap;

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::workload::{Permission, Policy, Preset, TrustedIssuer, check_audience};
use central_oauth_provider_openidconnect::{KeySource, WorkloadIssuerSettings};
use serde::Deserialize;
use url::Url;

use crate::config::ProviderConfig;

/// `[issuer.NAME]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerTable {
    preset: String,
    issuer: Option<String>,
    audience: Option<String>,
    jwks_uri: Option<String>,
    jwks_file: Option<String>,
    immutable: Option<Vec<String>>,
}

/// `[workload.NAME]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyTable {
    issuer: String,
    provider: OneOrMore,
    may: OneOrMore,
    claims: BTreeMap<String, OneOrMore>,
    #[serde(default)]
    pull_requests: bool,
}

/// A string, or a list of strings.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::More(texts) => texts,
        }
    }
}

impl IssuerTable {
    pub(super) fn validated(
        self,
        name: &str,
        public_url: Option<&str>,
    ) -> Result<(TrustedIssuer, WorkloadIssuerSettings), String> {
        let preset = Preset::parse(&self.preset)
            .ok_or_else(|| format!("preset is not one of {}", Preset::listed()))?;
        let public = || preset.public_issuer().map(str::to_owned);
        let issuer = self.issuer.or_else(public);
        let issuer = issuer.ok_or("issuer is missing: the `iss` of the platform's tokens")?;
        let shared = Preset::ALL.iter();
        let mut shared = shared.filter(|known| {
            known
                .public_issuer()
                .is_some_and(|public| is_below(&issuer, public))
        });
        if let (Preset::Oidc, Some(known)) = (preset, shared.next()) {
            let known = known.as_str();
            return Err(format!(
                "issuer is shared by everybody on that platform; use the preset {known}, which knows its permanent ids"
            ));
        }
        let audience = self.audience.as_deref().or(public_url).ok_or(
            "needs an audience: set CENTRAL_OAUTH_PUBLIC_URL, or audience here. Tokens must be made for this service",
        )?;
        check_audience(preset, &issuer, audience).map_err(|why| format!("the audience {why}"))?;
        let keys = match (self.jwks_uri, self.jwks_file) {
            (None, None) => KeySource::Discovery,
            (Some(uri), None) => {
                KeySource::JwksUri(Url::parse(&uri).map_err(|_| "jwks_uri is not a URL")?)
            }
            (None, Some(file)) => KeySource::JwksFile(file.into()),
            (Some(_), Some(_)) => return Err("has jwks_uri and jwks_file; set one".to_owned()),
        };
        let immutable_claims = match self.immutable {
            Some(names) if preset == Preset::Oidc && !names.is_empty() => names,
            Some(_) => {
                return Err("immutable is a list of claims, for the preset oidc only".to_owned());
            }
            None => preset
                .immutable_claims()
                .iter()
                .map(|it| (*it).to_owned())
                .collect(),
        };
        let settings = WorkloadIssuerSettings {
            name: name.to_owned(),
            issuer: issuer.clone(),
            keys,
        };
        let trusted = TrustedIssuer {
            name: name.to_owned(),
            url: issuer,
            preset,
            audience: audience.to_owned(),
            immutable_claims,
        };
        Ok((trusted, settings))
    }
}

impl PolicyTable {
    pub(super) fn validated(
        self,
        name: &str,
        issuers: &[TrustedIssuer],
        providers: &ProviderConfig,
    ) -> Result<Policy, String> {
        let issuer = issuers.iter().find(|known| known.name == self.issuer);
        let issuer = issuer.ok_or("issuer is not the name of an [issuer.NAME] of this file")?;
        let policy = Policy {
            name: name.to_owned(),
            issuer: self.issuer,
            providers: known(self.provider.into_vec(), providers)?,
            may: actions(&self.may.into_vec())?,
            claims: claims(self.claims)?,
            allows_pull_requests: self.pull_requests,
        };
        let owners = issuer.preset.owner_claims();
        if policy.claims.is_empty() {
            return Err("claims is empty: every job of the issuer would be trusted".to_owned());
        }
        if !owners.is_empty() && !owners.iter().any(|name| policy.claims.contains_key(*name)) {
            let preset = issuer.preset.as_str();
            let names = owners.join(", ");
            return Err(format!(
                "claims must have one of {names}: everybody has jobs at {preset}"
            ));
        }
        Ok(policy)
    }
}

/// Whether `issuer` is `public` or a URL below it, like the issuers of GitHub enterprises.
fn is_below(issuer: &str, public: &str) -> bool {
    let rest = issuer.strip_prefix(public);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn known(names: Vec<String>, providers: &ProviderConfig) -> Result<Vec<ProviderName>, String> {
    let configured = || providers.providers.iter().map(|it| &it.settings.name);
    if names.is_empty() {
        return Err("provider is empty".to_owned());
    }
    let found = names.into_iter().map(|name| {
        let found = configured().find(|known| known.as_str() == name);
        found.cloned().ok_or_else(|| {
            let all: Vec<_> = configured().map(ProviderName::as_str).collect();
            format!(
                "provider is not one of those that are configured ({})",
                all.join(", ")
            )
        })
    });
    found.collect()
}

fn actions(words: &[String]) -> Result<Vec<Permission>, String> {
    let action = |word: &String| {
        let action = Permission::parse(word);
        action.ok_or_else(|| "may is \"link\", \"token\" or a list of both".to_owned())
    };
    match words {
        [] => Err("may is empty".to_owned()),
        words => words.iter().map(action).collect(),
    }
}

fn claims(given: BTreeMap<String, OneOrMore>) -> Result<BTreeMap<String, Vec<String>>, String> {
    let values = given.into_iter().map(|(name, values)| {
        let values = values.into_vec();
        if values.is_empty() || values.iter().any(String::is_empty) {
            return Err(format!("claims.{name} has no value"));
        }
        if values.iter().any(|value| value.contains('*')) {
            return Err(format!(
                "claims.{name} has a *: values are compared as they are; list them"
            ));
        }
        Ok((name, values))
    });
    values.collect()
}
