//! Compares the operator's settings with what the provider supports.

use super::{Checkup, Finding, Found, Subject};
use crate::client_auth::ClientAuthMethod;
use crate::discovery::Metadata;
use crate::settings::{Flow, ProviderSettings};

impl Checkup<'_> {
    /// Reports the configuration, which was validated when it was read.
    pub(super) fn settings(&mut self) {
        let settings = self.configured();
        let flow = settings.flow;
        let secret = match settings.client_secret {
            Some(_) => "with a secret",
            None => "without a secret",
        };
        let scopes = match settings.scopes.as_slice() {
            [] => "no scopes".to_owned(),
            scopes => format!("scopes {}", scopes.join(" ")),
        };
        let client = &settings.client_id;
        let words = format!("client {client:?} {secret}, flow {flow}, {scopes}");
        self.add(Finding::ok(Subject::Settings, words));
        if settings.flow == Flow::AuthorizationCode
            && !settings.sends_pkce()
            && !settings.sends_nonce()
        {
            self.add(Finding::warning(
                Subject::Settings,
                "neither PKCE nor a nonce binds the response to its request; only the state binds it to the browser \
                 that confirmed",
                STATE_ALONE,
            ));
        }
    }

    /// Warns if the provider does not support the configured client authentication.
    pub(super) fn client(&mut self, found: &Found) {
        let settings = self.configured();
        let methods = found.metadata.as_ref();
        let methods = methods.and_then(|metadata| metadata.auth_methods.as_deref());
        let finding = match (settings.token_endpoint_auth_method, methods) {
            (Some(ClientAuthMethod::None), _) if settings.client_secret.is_some() => Some((
                "token_endpoint_auth_method is none, so the client secret is never sent".to_owned(),
                "Remove one of the two.",
            )),
            (None, Some(listed)) => mismatch(settings, listed),
            _ => None,
        };
        if let Some((words, remedy)) = finding {
            self.add(Finding::warning(Subject::Settings, words, remedy));
        }
    }

    /// Warns of scopes that are missing for a lasting grant or for identifying the person.
    pub(super) fn scopes(&mut self, found: &Found) {
        let settings = self.configured();
        let hints = [
            refresh_hint(settings, found.metadata.as_ref()),
            identity_hint(settings, found),
        ];
        for (words, remedy) in hints.into_iter().flatten() {
            self.add(Finding::warning(Subject::Scopes, words, remedy));
        }
    }
}

const STATE_ALONE: &str = "Serve PUBLIC_URL over https, so that nobody can read callbacks in transit. If the \
    provider now accepts PKCE, or this client without its secret, change quirks.authorization or client_secret.";

type Hint = (String, &'static str);

fn mismatch(settings: &ProviderSettings, listed: &[String]) -> Option<Hint> {
    let lists = |names: &[&str]| listed.iter().any(|one| names.contains(&one.as_str()));
    let is_public = settings.client_secret.is_none() || settings.quirks.device.refuses_secret;
    match is_public {
        true if !lists(&["none"]) => Some((
            "there is no client secret, and the provider does not list the method none".to_owned(),
            "Set client_secret, unless the client is registered as public.",
        )),
        false if !lists(&["client_secret_basic", "client_secret_post"]) => Some((
            format!("the provider accepts only {}", listed.join(", ")),
            "This service supports client_secret_basic and client_secret_post. Register the client for one of them.",
        )),
        _ => None,
    }
}

fn refresh_hint(settings: &ProviderSettings, metadata: Option<&Metadata>) -> Option<Hint> {
    const OFFLINE: &str = "offline_access";
    let listed = metadata.and_then(|metadata| metadata.scopes.as_deref());
    let is_listed = listed.is_some_and(|scopes| scopes.iter().any(|scope| scope == OFFLINE));
    let is_asked = settings.scopes.iter().any(|scope| scope == OFFLINE);
    // The scopes that a profile requires were checked when the settings were read.
    let is_known = !settings.quirks.scopes.for_refresh.is_empty();
    (is_listed && !is_asked && !is_known).then_some((
        "scopes lack offline_access, which the provider supports".to_owned(),
        "Add it. Without it most such providers give no refresh token, so a grant ends with its first access token.",
    ))
}

fn identity_hint(settings: &ProviderSettings, found: &Found) -> Option<Hint> {
    const REMEDY: &str = "Add it. Otherwise the service cannot identify people, and each link creates a new account.";
    if !settings.quirks.scopes.for_identity.is_empty() {
        let missing = settings.missing_identity_scope();
        return missing.map(|scope| (format!("scopes lack {scope}"), REMEDY));
    }
    match (&found.server.issuer, &found.server.userinfo) {
        (Some(_), _) if !settings.is_openid_connect() => {
            Some(("scopes lack openid".to_owned(), REMEDY))
        }
        (None, None) => Some((
            "the provider does not say who a person is: each link creates a new account".to_owned(),
            "Set userinfo_endpoint if the server has one. Otherwise relink with the access key of the account.",
        )),
        _ => None,
    }
}
