//! Deviations of known providers from the RFCs. The tests imitate the responses in the sources of each profile.

mod device_flows;
mod document;
mod entra;
mod identities;
mod profiles;
mod refreshes;
mod requests;
mod revocations;

use std::collections::BTreeMap;

use central_oauth_provider_openidconnect::{Flow, Profile, ProviderSettings};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use crate::support::{Stub, Subject, client, json as reply_json};

pub(crate) const SECRET: &str = "s3cret";

/// Returns the settings of a preset with all endpoints at this address, a secret, and two scopes besides the required
/// ones.
pub(crate) fn preset(name: &str, base: &str) -> ProviderSettings {
    let profile = Profile::named(name).unwrap();
    let at = |key: &str, path: &str| {
        profile.endpoints.get(key)?;
        Some(Url::parse(&format!("{base}{path}")).unwrap())
    };
    let settings = ProviderSettings {
        client_secret: Some(SecretString::from(SECRET)),
        issuer: Some(Url::parse(base).unwrap()),
        authorization_endpoint: at("authorization_endpoint", "/authorize"),
        device_authorization_endpoint: at("device_authorization_endpoint", "/device"),
        device_token_endpoint: at("device_token_endpoint", "/device-token"),
        token_endpoint: at("token_endpoint", "/token"),
        revocation_endpoint: at("revocation_endpoint", "/revoke"),
        userinfo_endpoint: at("userinfo_endpoint", "/userinfo"),
        scopes: Vec::new(),
        ..client()
    };
    let settings = profile.complete(settings, None, &BTreeMap::new()).unwrap();
    // All endpoints of the issuer are configured, so that no test fetches the real metadata.
    let discovered = |given: Option<Url>, path: &str| {
        let found = profile.issuer.as_ref();
        given.or_else(|| found.map(|_| Url::parse(&format!("{base}{path}")).unwrap()))
    };
    ProviderSettings {
        issuer: None,
        authorization_endpoint: discovered(settings.authorization_endpoint, "/authorize"),
        device_authorization_endpoint: discovered(
            settings.device_authorization_endpoint,
            "/device",
        ),
        token_endpoint: discovered(settings.token_endpoint, "/token"),
        userinfo_endpoint: discovered(settings.userinfo_endpoint, "/userinfo"),
        ..settings
    }
}

/// Returns the preset at a server with one response.
pub(crate) async fn saying(name: &str, status: u16, answer: &Value) -> (Subject, Stub) {
    let answer = answer.clone();
    let stub = Stub::start(move |_, _| reply_json(status, &answer)).await;
    (Subject::new(preset(name, &stub.base)), stub)
}

/// Returns the settings with the authorization code flow.
pub(crate) fn by_code(settings: ProviderSettings) -> ProviderSettings {
    ProviderSettings {
        flow: Flow::AuthorizationCode,
        ..settings
    }
}
