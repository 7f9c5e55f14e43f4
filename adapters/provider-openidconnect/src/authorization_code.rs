//! The authorization code grant with PKCE (RFC 6749 section 4.1, RFC 7636): where the person is sent, and what the
//! browser brings back.

use std::collections::BTreeMap;
use std::time::Duration;

use central_oauth_domain::entropy::Entropy;
use central_oauth_domain::ports::{Consent, ConsentHandle, ConsentRequest, Prompt, ProviderError};
use central_oauth_domain::secret::{CallbackQuery, ConsentUri, IdToken, PendingCallback};
use openidconnect::{PkceCodeChallenge, PkceCodeVerifier};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::dialect::{Dialect, Meaning};
use crate::http::{Fields, Request};
use crate::identity::unverified_claims;
use crate::oauth_error::OAuthError;
use crate::scrub::Scrubber;
use crate::server::Server;
use crate::settings::ProviderSettings;

/// How long a person has at the provider. No answer says; providers let a sign-in page time out within the hour.
const EXPIRES_IN: Duration = Duration::from_secs(600);
/// RFC 7636 section 4.1 wants 43 to 128 characters; five random bits each.
const VERIFIER_LENGTH: usize = 64;
const NONCE_LENGTH: usize = 32;

/// What this service keeps while the person is away.
pub(crate) struct Errand {
    verifier: String,
    nonce: Option<String>,
    redirect_uri: String,
}

impl Errand {
    /// A fresh one.
    fn new(settings: &ProviderSettings, request: &ConsentRequest, entropy: &Entropy) -> Self {
        Self {
            verifier: entropy.text(VERIFIER_LENGTH),
            nonce: settings.sends_nonce().then(|| entropy.text(NONCE_LENGTH)),
            redirect_uri: request.redirect_uri.clone(),
        }
    }

    fn to_handle(&self) -> ConsentHandle {
        let (verifier, nonce, redirect_uri) = (&self.verifier, &self.nonce, &self.redirect_uri);
        let kept = json!({ "verifier": verifier, "nonce": nonce, "redirect_uri": redirect_uri });
        ConsentHandle::PendingCallback(PendingCallback::new(kept.to_string()))
    }

    /// Reads what was kept.
    pub(crate) fn read(pending: &PendingCallback) -> Result<Self, ProviderError> {
        let kept: Value = serde_json::from_str(pending.expose()).unwrap_or_default();
        let text = |name: &str| kept[name].as_str().map(str::to_owned);
        Ok(Self {
            verifier: text("verifier").ok_or_else(other_flow)?,
            nonce: text("nonce"),
            redirect_uri: text("redirect_uri").ok_or_else(other_flow)?,
        })
    }

    /// Asks for the tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
    pub(crate) fn token_request(
        &self,
        endpoint: &Url,
        code: &str,
        settings: &ProviderSettings,
    ) -> Request {
        let is_json = settings.quirks.token.json_requests;
        let mut request = Request::post(endpoint).json_if(is_json);
        request.field("grant_type", "authorization_code");
        request.secret_field("code", code);
        request.field("redirect_uri", &self.redirect_uri);
        if settings.sends_pkce() {
            request.secret_field("code_verifier", &self.verifier);
        }
        request.extra_fields(&settings.quirks.token.parameters);
        request
    }

    /// Whether the ID token answers this very request. Its signature is verified when the person is identified, so
    /// that the claim is then known to be the issuer's. A server that is known to issue ID tokens was asked for one
    /// (OpenID Connect Core section 3.1.3.3); of any other nothing is known but that scopes may mean anything there.
    pub(crate) fn check_nonce(
        &self,
        id_token: Option<&IdToken>,
        server: &Server,
    ) -> Result<(), ProviderError> {
        let Some(expected) = &self.nonce else {
            return Ok(());
        };
        let Some(id_token) = id_token else {
            let words = "the answer has no ID token, although this issuer was asked for one";
            return match &server.issuer {
                Some(_) => Err(refused("id_token_missing", words)),
                None => Ok(()),
            };
        };
        let claims = unverified_claims(id_token);
        let nonce = claims.as_ref().and_then(|claims| claims["nonce"].as_str());
        if nonce == Some(expected.as_str()) {
            return Ok(());
        }
        let words = "the ID token does not verify: it answers another request (nonce)";
        Err(refused(ProviderError::INVALID_ID_TOKEN, words))
    }
}

/// The link was begun with the other flow, before the operator changed the configuration.
pub(crate) fn other_flow() -> ProviderError {
    refused("flow_changed", "the link was begun with another flow")
}

/// Where the person is sent (RFC 6749 section 4.1.1), and what is kept meanwhile.
pub(crate) fn begin(
    settings: &ProviderSettings,
    server: &Server,
    request: &ConsentRequest,
    entropy: &Entropy,
) -> Result<Consent, ProviderError> {
    let errand = Errand::new(settings, request, entropy);
    let verifier = PkceCodeVerifier::new(errand.verifier.clone());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
    let mut uri = server.authorization()?.clone();
    {
        let mut query = uri.query_pairs_mut();
        for (name, value) in &settings.authorization_parameters {
            query.append_pair(name, value);
        }
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &settings.client_id)
            .append_pair("redirect_uri", &errand.redirect_uri)
            .append_pair("state", &request.state);
        if settings.sends_pkce() {
            query
                .append_pair("code_challenge", challenge.as_str())
                .append_pair("code_challenge_method", challenge.method().as_str());
        }
        if !settings.scopes.is_empty() {
            query.append_pair("scope", &settings.quirks.scopes.join(&settings.scopes));
        }
        if let Some(nonce) = &errand.nonce {
            query.append_pair("nonce", nonce);
        }
        if wants_prompt(settings) {
            query.append_pair("prompt", "consent");
        }
    }
    Ok(Consent {
        handle: errand.to_handle(),
        prompt: Prompt::Visit {
            uri: ConsentUri::new(String::from(uri)),
        },
        expires_in: EXPIRES_IN,
        interval: None,
    })
}

/// Refresh tokens are for people who were asked (OpenID Connect Core section 11): servers that keep to it ignore
/// `offline_access` without this. Elsewhere it does harm: who may not consent alone is asked although an administrator
/// has consented for everybody.
fn wants_prompt(settings: &ProviderSettings) -> bool {
    if settings.quirks.authorization.needs_no_prompt {
        return false;
    }
    let parameters = &settings.authorization_parameters;
    let is_said = parameters.iter().any(|(name, _)| name == "prompt");
    let offline = settings
        .scopes
        .iter()
        .any(|scope| scope == "offline_access");
    offline && !is_said
}

/// What the browser brought back.
pub(crate) enum Brought {
    /// A code for the tokens (RFC 6749 section 4.1.2).
    Code(String),
    /// `access_denied`: the person said no, or the server did for them, maybe with words.
    Denied(Option<String>),
}

/// Reads what the browser brought back, if it comes from the server that the person was sent to.
pub(crate) fn read(
    callback: &CallbackQuery,
    server: &Server,
    dialect: &Dialect,
) -> Result<Brought, ProviderError> {
    let pairs = form_urlencoded::parse(callback.expose().as_bytes());
    let pairs: BTreeMap<String, String> = pairs.into_owned().collect();
    check_issuer(pairs.get("iss").map(String::as_str), server)?;
    if pairs.contains_key("error") {
        return no(&pairs, dialect);
    }
    let code = pairs.get("code").filter(|code| !code.is_empty());
    let missing = || refused("invalid_callback", "the provider sent no code");
    code.cloned().map(Brought::Code).ok_or_else(missing)
}

/// An answer of another server must not be taken for this one's (RFC 9207 section 2.4); an error neither.
fn check_issuer(named: Option<&str>, server: &Server) -> Result<(), ProviderError> {
    match named {
        Some(named) if !server.may_be_named(named) => {
            let words = "the answer names another issuer than the one that the person was sent to";
            Err(refused("issuer_mismatch", words))
        }
        None if server.names_issuer_in_responses => {
            let words = "the answer does not name its issuer, as this provider says it would";
            Err(refused("issuer_missing", words))
        }
        _ => Ok(()),
    }
}

/// RFC 6749 section 4.1.2.1. Asking again would bring the same words, so none of them passes.
fn no(pairs: &BTreeMap<String, String>, dialect: &Dialect) -> Result<Brought, ProviderError> {
    let members = pairs
        .iter()
        .map(|(name, value)| (name.clone(), Value::String(value.clone())));
    let error = OAuthError::read(
        &Fields::new(members.collect()),
        dialect,
        &Scrubber::default(),
    );
    match error {
        Some(error) if error.meaning == Meaning::Denied => Ok(Brought::Denied(error.words)),
        Some(error) => {
            let OAuthError { code, detail, .. } = error;
            Err(ProviderError::Refused { code, detail })
        }
        None => Err(refused(
            "invalid_callback",
            "the provider sent an error without a code",
        )),
    }
}

fn refused(code: &str, detail: &str) -> ProviderError {
    ProviderError::Refused {
        code: code.to_owned(),
        detail: detail.to_owned(),
    }
}
