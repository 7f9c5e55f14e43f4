mod parameters;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::ports::ScopeWords;
use central_oauth_domain::words;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::address;
use crate::client_auth::ClientAuthMethod;
use crate::extra;
use crate::http::ClientUnavailable;
use crate::quirks::Quirks;

/// The settings of a provider: an issuer to discover, or plain endpoints. Configured endpoints override discovered
/// ones.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// The operator's name for the provider.
    pub name: ProviderName,
    /// The name that people see; if empty, the operator's name.
    pub display_name: String,
    /// The name of this service that the provider shows to people, if it is known.
    pub consent_name: Option<String>,
    /// The issuer to discover, with or without a trailing slash.
    pub issuer: Option<Url>,
    /// The client id.
    pub client_id: String,
    /// The client secret; a public client has none.
    pub client_secret: Option<SecretString>,
    /// The scopes to request.
    pub scopes: Vec<String>,
    /// What scopes permit, in words for people; an empty text means no words.
    pub scope_words: BTreeMap<String, ScopeWords>,
    /// How people consent.
    pub flow: Flow,
    /// The authorization endpoint (RFC 6749 section 3.1).
    pub authorization_endpoint: Option<Url>,
    /// Extra parameters of authorization requests.
    pub authorization_parameters: Vec<(String, String)>,
    /// The device authorization endpoint (RFC 8628 section 3.1).
    pub device_authorization_endpoint: Option<Url>,
    /// The token endpoint (RFC 6749 section 3.2).
    pub token_endpoint: Option<Url>,
    /// The revocation endpoint (RFC 7009 section 2).
    pub revocation_endpoint: Option<Url>,
    /// The userinfo endpoint (OpenID Connect Core section 5.3), or the equivalent of a plain OAuth 2.0 server.
    pub userinfo_endpoint: Option<Url>,
    /// Client authentication; default: as the issuer's metadata says, else Basic.
    pub token_endpoint_auth_method: Option<ClientAuthMethod>,
    /// Where device codes are redeemed, if not at the token endpoint (Zoho).
    pub device_token_endpoint: Option<Url>,
    /// Timeout of one call, including discovery.
    pub timeout: Duration,
    /// Whether requests carry the current trace (W3C Trace Context), which reveals the trace id to the provider.
    pub trace_context: bool,
    /// Members of token responses that clients get: names, or dotted paths.
    pub extra: Vec<String>,
    /// Where the provider departs from the RFCs.
    pub quirks: Quirks,
}

words! {
    /// How people consent.
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "snake_case")]
    Flow {
        /// People type a code at the provider (RFC 8628).
        #[default]
        Device => "device",
        /// The browser is redirected to the provider and back, with PKCE (RFC 6749 section 4.1, RFC 7636).
        AuthorizationCode => "authorization_code",
    }
}

/// Why settings are invalid. The text begins with the key, as operators write it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

impl SettingsError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl From<ClientUnavailable> for SettingsError {
    /// Reports that HTTPS does not work on this machine.
    fn from(error: ClientUnavailable) -> Self {
        Self(error.to_string())
    }
}

impl ProviderSettings {
    /// The default timeout.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

    /// Creates settings of a public client, with defaults for the rest.
    pub fn new(name: ProviderName, client_id: impl Into<String>) -> Self {
        Self {
            display_name: name.as_str().to_owned(),
            consent_name: None,
            name,
            issuer: None,
            client_id: client_id.into(),
            client_secret: None,
            scopes: Vec::new(),
            scope_words: BTreeMap::new(),
            flow: Flow::default(),
            authorization_endpoint: None,
            authorization_parameters: Vec::new(),
            device_authorization_endpoint: None,
            token_endpoint: None,
            revocation_endpoint: None,
            userinfo_endpoint: None,
            token_endpoint_auth_method: None,
            device_token_endpoint: None,
            trace_context: false,
            extra: Vec::new(),
            quirks: Quirks::default(),
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }

    /// Returns every configured URL with its key.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, &Url)> {
        [
            ("issuer", &self.issuer),
            ("authorization_endpoint", &self.authorization_endpoint),
            (
                "device_authorization_endpoint",
                &self.device_authorization_endpoint,
            ),
            ("token_endpoint", &self.token_endpoint),
            ("revocation_endpoint", &self.revocation_endpoint),
            ("userinfo_endpoint", &self.userinfo_endpoint),
            ("device_token_endpoint", &self.device_token_endpoint),
        ]
        .into_iter()
        .filter_map(|(key, url)| Some((key, url.as_ref()?)))
    }

    /// Returns every endpoint, configured or not, with its key.
    pub(crate) fn endpoints(&mut self) -> [(&'static str, &mut Option<Url>); 6] {
        macro_rules! by_key {
            ($($key:ident),+) => { [$((stringify!($key), &mut self.$key)),+] };
        }
        by_key!(
            authorization_endpoint,
            device_authorization_endpoint,
            device_token_endpoint,
            token_endpoint,
            revocation_endpoint,
            userinfo_endpoint
        )
    }

    /// Validates the settings without contacting the provider.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        self.check_addresses()?;
        self.check_client()?;
        self.check_scopes()?;
        words::check(self)?;
        parameters::check(self)?;
        extra::check(&self.extra).map_err(|why| SettingsError(format!("extra {why}")))?;
        let is_bounded =
            (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&self.timeout);
        let problem = "the timeout must be between one millisecond and one hour";
        is_bounded
            .then_some(())
            .ok_or_else(|| SettingsError::new(problem))
    }

    fn check_scopes(&self) -> Result<(), SettingsError> {
        if let Some(scope) = self.scopes.iter().find(|scope| !is_scope(scope)) {
            let problem = format!("scopes has {scope:?}, which is not a scope");
            return Err(SettingsError(problem));
        }
        let wanted = &self.quirks.scopes.for_refresh;
        if let Some(first) = wanted.first()
            && !self.asks_for_one_of(wanted)
        {
            return Err(SettingsError(format!(
                "scopes lacks {first:?}: without it this provider gives no refresh token, so every grant ends with its \
                 first access token"
            )));
        }
        match self.quirks.scopes.not_by_device_flow(&self.scopes) {
            Some(scope) if self.flow == Flow::Device => Err(SettingsError(format!(
                "scopes has {scope:?}, which the device flow of this provider cannot grant: set flow to authorization_code"
            ))),
            _ => Ok(()),
        }
    }

    pub(crate) fn missing_identity_scope(&self) -> Option<&str> {
        let wanted = &self.quirks.scopes.for_identity;
        let first = wanted.first().map(String::as_str);
        first.filter(|_| !self.asks_for_one_of(wanted))
    }

    /// Whether authorization requests use PKCE, which binds the code to its request.
    pub(crate) const fn sends_pkce(&self) -> bool {
        let quirks = &self.quirks.authorization;
        quirks.takes_pkce(self.client_secret.is_some())
    }

    /// Whether authorization requests have a nonce, which binds the ID token to its request (OpenID Connect Core
    /// section 3.1.2.1).
    pub(crate) fn sends_nonce(&self) -> bool {
        self.is_openid_connect() && !self.quirks.authorization.omits_nonce
    }

    /// Whether authorization requests are OpenID Connect requests (Core section 3.1.2.1).
    pub(crate) fn is_openid_connect(&self) -> bool {
        self.scopes.iter().any(|scope| scope == "openid")
    }

    /// Whether at least one of the `wanted` scopes is requested.
    pub(crate) fn asks_for_one_of(&self, wanted: &[String]) -> bool {
        wanted.iter().any(|scope| self.scopes.contains(scope))
    }

    fn check_addresses(&self) -> Result<(), SettingsError> {
        for (key, url) in self.addresses() {
            address::check(url).map_err(|fault| SettingsError(format!("{key} {fault}")))?;
        }
        let Some(issuer) = &self.issuer else {
            return self.check_described();
        };
        if issuer.query().is_some() || issuer.fragment().is_some() {
            // RFC 8414 section 2.
            let problem = "issuer must not have a query or a fragment";
            return Err(SettingsError::new(problem));
        }
        Ok(())
    }

    fn check_described(&self) -> Result<(), SettingsError> {
        let (starts, key) = match self.flow {
            Flow::Device => (
                &self.device_authorization_endpoint,
                "device_authorization_endpoint",
            ),
            Flow::AuthorizationCode => (&self.authorization_endpoint, "authorization_endpoint"),
        };
        for (endpoint, key) in [(starts, key), (&self.token_endpoint, "token_endpoint")] {
            if endpoint.is_none() {
                let problem = format!("{key} is missing: set it, or an issuer to discover it from");
                return Err(SettingsError(problem));
            }
        }
        Ok(())
    }

    fn check_client(&self) -> Result<(), SettingsError> {
        let needs_secret = matches!(
            self.token_endpoint_auth_method,
            Some(ClientAuthMethod::Basic | ClientAuthMethod::Post)
        );
        if self.client_id.is_empty() {
            Err(SettingsError::new("client_id is missing"))
        } else if needs_secret && self.client_secret.is_none() {
            let problem = "token_endpoint_auth_method needs a client_secret";
            Err(SettingsError::new(problem))
        } else {
            Ok(())
        }
    }
}

/// Whether the text is a `scope-token` (RFC 6749 section 3.3).
fn is_scope(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(is_allowed)
}
