//! The authorization code grant with PKCE (RFC 6749 section 4.1, RFC 7636): the authorization request and its response.

use std::time::Duration;

use central_oauth_domain::entropy::Entropy;
use central_oauth_domain::ports::{Consent, ConsentHandle, ConsentRequest, Prompt, ProviderError};
use central_oauth_domain::secret::{CallbackQuery, ConsentUri, IdToken, PendingCallback};
use openidconnect::{PkceCodeChallenge, PkceCodeVerifier};
use serde::{Deserialize, Serialize};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::dialect::{Dialect, Meaning};
use crate::http::{Fields, Request};
use crate::identity::unverified_claims;
use crate::oauth_error::OAuthError;
use crate::scrub::Scrubber;
use crate::server::Server;
use crate::settings::ProviderSettings;

/// How long the person may take at the provider. OAuth defines no limit; sign-in pages expire within an hour.
const EXPIRES_IN: Duration = Duration::from_secs(600);
/// RFC 7636 section 4.1 requires 43 to 128 characters. Each character has five random bits.
const VERIFIER_LENGTH: usize = 64;
const NONCE_LENGTH: usize = 32;

/// The state of an authorization request, stored until the callback arrives. (In the device flow, the device code is
/// stored instead.)
#[derive(Serialize, Deserialize)]
pub(crate) struct PendingAuthorization {
    verifier: String,
    nonce: Option<String>,
    redirect_uri: String,
}

impl PendingAuthorization {
    fn to_handle(&self) -> ConsentHandle {
        // Serializing strings cannot fail.
        let stored = serde_json::to_string(self).unwrap_or_default();
        ConsentHandle::PendingCallback(PendingCallback::new(stored))
    }

    /// Parses the stored form. Fails if the link was started with another flow.
    pub(crate) fn read(pending: &PendingCallback) -> Result<Self, ProviderError> {
        serde_json::from_str(pending.expose()).map_err(|_| other_flow())
    }

    /// Returns the token request (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
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

    /// Checks that the ID token contains the nonce of this request. (The signature is verified later, when the person
    /// is identified.) A missing ID token or nonce is an error only if the server is known to issue ID tokens (OpenID
    /// Connect Core section 3.1.3.3). The ID tokens of other servers are not used, and such a server may give the scope
    /// `openid` another meaning.
    pub(crate) fn check_nonce(
        &self,
        id_token: Option<&IdToken>,
        server: &Server,
    ) -> Result<(), ProviderError> {
        let Some(expected) = &self.nonce else {
            return Ok(());
        };
        let claims = id_token.and_then(unverified_claims);
        let words = match claims.as_ref().and_then(|claims| claims["nonce"].as_str()) {
            Some(nonce) if nonce == expected => return Ok(()),
            Some(_) => "the ID token is invalid: it belongs to another request (nonce)",
            None if server.issuer.is_none() => return Ok(()),
            None if id_token.is_none() => {
                let words = "the response has no ID token, although the scope openid was requested";
                return Err(ProviderError::refused("id_token_missing", words));
            }
            None => {
                "the ID token is invalid: it has no nonce; if this provider never sends one, the operator sets \
                 quirks.authorization.omits_nonce"
            }
        };
        let code = ProviderError::INVALID_ID_TOKEN;
        Err(ProviderError::refused(code, words))
    }
}

/// Returns the error for a link that was started before the operator changed the provider's flow.
pub(crate) fn other_flow() -> ProviderError {
    ProviderError::refused("flow_changed", "the link was started with another flow")
}

/// Builds the authorization request (RFC 6749 section 4.1.1), and the state to store until the callback arrives.
pub(crate) fn begin(
    settings: &ProviderSettings,
    server: &Server,
    request: &ConsentRequest,
    entropy: &Entropy,
) -> Result<Consent, ProviderError> {
    let pending = PendingAuthorization {
        verifier: entropy.text(VERIFIER_LENGTH),
        nonce: settings.sends_nonce().then(|| entropy.text(NONCE_LENGTH)),
        redirect_uri: request.redirect_uri.clone(),
    };
    let verifier = PkceCodeVerifier::new(pending.verifier.clone());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
    let scopes = settings.quirks.scopes.join(&settings.scopes);
    let profile = settings.authorization_parameters.iter();
    let mut parameters: Vec<(&str, &str)> = profile
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    parameters.extend([
        ("response_type", "code"),
        ("client_id", settings.client_id.as_str()),
        ("redirect_uri", pending.redirect_uri.as_str()),
        ("state", request.state.as_str()),
    ]);
    if settings.sends_pkce() {
        parameters.push(("code_challenge", challenge.as_str()));
        parameters.push(("code_challenge_method", challenge.method().as_str()));
    }
    if !settings.scopes.is_empty() {
        parameters.push(("scope", &scopes));
    }
    if let Some(nonce) = &pending.nonce {
        parameters.push(("nonce", nonce));
    }
    if wants_prompt(settings) {
        parameters.push(("prompt", "consent"));
    }
    let uri = with_parameters(server.authorization()?, &parameters);
    Ok(Consent {
        handle: pending.to_handle(),
        prompt: Prompt::Visit {
            uri: ConsentUri::new(String::from(uri)),
        },
        expires_in: EXPIRES_IN,
        interval: None,
    })
}

/// Adds these parameters to the endpoint's own query. They replace parameters of the same name in this query, because
/// no parameter may be repeated (RFC 6749 section 3.1). Entra rejects a second `prompt` (anthropics/claude-code issue
/// 23560).
///
/// Spaces are written as `%20`, because Apple and others do not read `+` as a space (nhosoya/omniauth-apple#16,
/// burberius/eve-esi#6, sbomify/sbomify#1501). The serializer writes a literal plus as `%2B`, so every `+` in its
/// output is a space.
fn with_parameters(endpoint: &Url, parameters: &[(&str, &str)]) -> Url {
    let is_replaced = |name: &str| parameters.iter().any(|(new, _)| *new == name);
    let own = endpoint.query_pairs();
    let kept = own.filter(|(name, _)| !is_replaced(name));
    let mut query = Serializer::new(String::new());
    query.extend_pairs(kept).extend_pairs(parameters);
    let query = query.finish().replace('+', "%20");
    let mut uri = endpoint.clone();
    uri.set_query(Some(&query));
    uri
}

/// Whether to send `prompt=consent`. Without it, servers that follow OpenID Connect Core section 11 ignore
/// `offline_access`. An unnecessary prompt does harm: even if an administrator has consented for everybody, it asks
/// each person for a consent that the person may not be allowed to give.
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

/// The response that the browser brought back.
pub(crate) enum CallbackResponse {
    /// A code to exchange for tokens (RFC 6749 section 4.1.2).
    Code {
        code: String,
        /// The scopes in the callback. RFC 6749 defines none there, but some providers send them.
        scopes: Option<Vec<String>>,
    },
    /// `access_denied`: the person or the server declined, perhaps with a reason.
    Denied(Option<String>),
}

/// Parses the response. Fails if it comes from another server than the expected one.
pub(crate) fn read(
    callback: &CallbackQuery,
    server: &Server,
    dialect: &Dialect,
) -> Result<CallbackResponse, ProviderError> {
    let fields = Fields::of_form(callback.expose());
    check_issuer(fields.text("iss"), server)?;
    // Some servers send all parameters, with `error` empty in a success.
    if fields.says_error() {
        return read_error(&fields, dialect);
    }
    let missing = || ProviderError::refused("invalid_callback", "the provider sent no code");
    let code = fields.text("code").ok_or_else(missing)?;
    Ok(CallbackResponse::Code {
        code: code.to_owned(),
        scopes: fields.words("scope"),
    })
}

/// Returns the text of an error after which the person can try again at the provider. These errors are:
/// - `temporarily_unavailable` (from Keycloak when a login took too long, apache/apisix#13776)
/// - a code that the profile lists as passing
/// - an expired login or consent of Ory Hydra (ory/hydra#2820), which sends `request_unauthorized` also for other
///   reasons
///
/// The profile's phrases are compared only with `error`, because descriptions of denials may contain them, too.
/// `server_error` is final: Amazon Cognito sends it for permanent failures
/// (aws-samples/cloudfront-authorization-at-edge#153).
pub(crate) fn passing_error(callback: &CallbackQuery, dialect: &Dialect) -> Option<String> {
    let fields = Fields::of_form(callback.expose());
    let code = fields.text("error")?;
    let is_passing = match dialect.canonical(code).as_str() {
        "temporarily_unavailable" => true,
        "request_unauthorized" => {
            let words = ["error_description", "error_hint"].into_iter();
            let mut words = words.filter_map(|name| fields.text(name));
            words.any(|text| text.contains("expired"))
        }
        _ => dialect.lists_as_passing(code),
    };
    let error = OAuthError::read(&fields, dialect, &Scrubber::default());
    error.filter(|_| is_passing).map(|error| error.text())
}

/// Checks that the response, even an error, is from the expected issuer (RFC 9207 section 2.4).
fn check_issuer(named: Option<&str>, server: &Server) -> Result<(), ProviderError> {
    match named {
        Some(named) if !server.may_be_named(named) => {
            let words =
                "the response names another issuer than the one that the person was sent to";
            Err(ProviderError::refused("issuer_mismatch", words))
        }
        None if server.names_issuer_in_responses => {
            let words = "the response does not name its issuer (iss), although the provider announces that it does";
            Err(ProviderError::refused("issuer_missing", words))
        }
        _ => Ok(()),
    }
}

/// Parses an error response (RFC 6749 section 4.1.2.1). An error in a stored callback is always final, because the
/// callback cannot be requested again.
fn read_error(fields: &Fields, dialect: &Dialect) -> Result<CallbackResponse, ProviderError> {
    match OAuthError::read(fields, dialect, &Scrubber::default()) {
        Some(error) if error.meaning == Meaning::Denied => {
            Ok(CallbackResponse::Denied(error.words))
        }
        Some(OAuthError { code, detail, .. }) => Err(ProviderError::refused(code, detail)),
        None => {
            let said = said(fields, dialect);
            let words = format!("the provider sent an error without a code: {said}");
            let words = Scrubber::default().text(&words);
            Err(ProviderError::refused("invalid_callback", words))
        }
    }
}

/// Returns the provider's words for an error without a code: its `error` (Auth0: `unauthorized`, auth0/docs#4767), and
/// its description if there is one.
fn said(fields: &Fields, dialect: &Dialect) -> String {
    let word = fields.text("error").unwrap_or_default().trim();
    match OAuthError::unnamed(fields, dialect, &Scrubber::default()).words {
        Some(words) if words != word => format!("{word}: {words}"),
        _ => word.to_owned(),
    }
}
