use std::time::Duration;

use async_trait::async_trait;

use crate::fault::{Fault, FaultCode};
use crate::grant::{Identity, ProviderName, TokenGrant, TokenOrigin};
use crate::secret::{
    AccessToken, CallbackQuery, ConsentUri, DeviceCode, IdToken, PendingCallback, RefreshToken,
    UserCode,
};
use crate::time::Timestamp;

/// One provider at which people consent. Each method that contacts the provider has a timeout set by the adapter.
/// Before its own request, the method may discover endpoints, fetch signing keys or find out how an endpoint
/// authenticates clients. The adapter caches these results. Intervals, deadlines and retries belong to the domain.
///
/// The port covers two flows. In the device flow (RFC 8628), the prompt is a user code, and the service polls
/// [`redeem`]. In a redirect flow, the prompt is [`Prompt::Visit`], and [`redeem`] takes the query of the browser's
/// callback.
///
/// [`redeem`]: OAuthProvider::redeem
#[async_trait]
pub trait OAuthProvider: Send + Sync {
    /// Returns the name that the operator gave the provider.
    fn name(&self) -> &ProviderName;

    /// Returns the provider's name for people, as shown on pages.
    fn display_name(&self) -> &str;

    /// Returns this service's name on the provider's consent page, if the operator configured it.
    fn consent_name(&self) -> Option<&str>;

    /// Returns the scopes that are requested.
    fn scopes(&self) -> &[String];

    /// Describes to people what a scope permits. For `""`, describes what a request without scopes permits.
    fn scope_words(&self, scope: &str) -> Option<ScopeWords>;

    /// Whether the consent ends with a redirect back to this service, so that the page knows which browser consented.
    fn uses_redirects(&self) -> bool;

    /// Returns the client id of this service at the provider.
    fn client_id(&self) -> String;

    /// Returns the origin of the tokens that this provider issues.
    ///
    /// # Errors
    /// Discovery fails.
    async fn origin(&self) -> Result<TokenOrigin, ProviderError>;

    /// Starts the provider's flow (RFC 8628 section 3.1).
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn begin_consent(&self, request: &ConsentRequest) -> Result<Consent, ProviderError>;

    /// Requests the tokens (RFC 8628 section 3.4). In redirect flows, `callback` is the query of the redirect, with an
    /// authorization code or an error.
    ///
    /// # Errors
    /// See [`ProviderError`]. Responses that belong to the flow, such as `authorization_pending`, are [`Redemption`]s.
    async fn redeem(
        &self,
        handle: &ConsentHandle,
        callback: Option<&CallbackQuery>,
    ) -> Result<Redemption, ProviderError>;

    /// Returns the text of an error in the query of a redirect, if the person can try again at the provider (RFC 6749
    /// section 4.1.2.1: `temporarily_unavailable`).
    fn passing_error(&self, callback: &CallbackQuery) -> Option<String>;

    /// Uses a refresh token to get new tokens (RFC 6749 section 6). The scopes in `granted` stay unless the response
    /// states others. A response without a refresh token leaves the old one valid. A new refresh token is returned even
    /// if the rest of the response is unusable: see [`RefreshAnswer::Unusable`].
    ///
    /// # Errors
    /// See [`RefreshError`]. An invalid refresh token is [`ProviderError::Refused`] with the code `invalid_grant`, even
    /// if the provider uses another code for it. A refusal without a code gets one from the adapter.
    async fn refresh(
        &self,
        refresh_token: &RefreshToken,
        granted: &[String],
    ) -> Result<RefreshAnswer, RefreshError>;

    /// Revokes a token (RFC 7009). If the provider does not know the token, returns [`Revoked::Unknown`].
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn revoke(&self, token: TokenToRevoke<'_>) -> Result<Revoked, ProviderError>;

    /// Whether the userinfo endpoint and ID tokens give a person the same id.
    fn userinfo_has_same_id(&self) -> bool;

    /// Identifies the person who consented. Verifies the ID token as of `requested_at`, or else asks the userinfo
    /// endpoint.
    ///
    /// # Errors
    /// See [`ProviderError`]. An invalid ID token is [`ProviderError::Refused`] with the code
    /// [`ProviderError::INVALID_ID_TOKEN`]. A rejected access token is [`ProviderError::Refused`] with the code
    /// [`ProviderError::INVALID_TOKEN`].
    async fn identify(
        &self,
        access_token: &AccessToken,
        id_token: Option<&IdToken>,
        requested_at: Timestamp,
    ) -> Result<Identity, ProviderError>;
}

/// A description of a scope for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeWords {
    /// The text.
    pub text: String,
    /// The language tag of the text (BCP 47), if known.
    pub language: Option<&'static str>,
}

/// The input for starting a redirect flow. The device flow ignores it.
pub struct ConsentRequest {
    /// The `state` parameter, which binds the flow to this link and this browser (RFC 6749 section 10.12).
    pub state: String,
    /// The redirect URI (RFC 6749 section 3.1.2).
    pub redirect_uri: String,
}

/// A flow that has started.
pub struct Consent {
    /// The value that redeems the consent.
    pub handle: ConsentHandle,
    /// What the person has to do.
    pub prompt: Prompt,
    /// How long the consent is valid at the provider.
    pub expires_in: Duration,
    /// The polling interval, if the provider stated one.
    pub interval: Option<Duration>,
}

/// The value that redeems a consent.
pub enum ConsentHandle {
    /// The device code, which is polled until the person has consented.
    DeviceCode(DeviceCode),
    /// The data that is needed together with the browser's callback.
    PendingCallback(PendingCallback),
}

/// What the person has to do.
#[derive(Clone)]
pub enum Prompt {
    /// Type a code at the provider (RFC 8628 section 3.3).
    UserCode {
        /// The code.
        user_code: UserCode,
        /// The http or https URI of the page that asks for the code.
        verification_uri: String,
        /// The same URI with the code in it.
        verification_uri_complete: Option<ConsentUri>,
    },
    /// Visit a URL of the provider, which then redirects back to this service.
    Visit {
        /// The URL.
        uri: ConsentUri,
    },
}

/// The result of redeeming a consent.
pub enum Redemption {
    /// The tokens.
    Granted(Box<TokenGrant>),
    /// Tokens that must be revoked instead of used.
    Unusable {
        /// The tokens.
        grant: Box<TokenGrant>,
        /// Why the tokens must not be used.
        why: ProviderError,
    },
    /// `authorization_pending`: the person has not responded yet.
    Pending {
        /// The minimum polling interval from now on, if the response states one.
        interval: Option<Duration>,
    },
    /// `slow_down`: poll less often from now on.
    SlowDown {
        /// The new polling interval, if the response states one.
        interval: Option<Duration>,
    },
    /// `access_denied`: the person or the provider declined. Contains the provider's text, if any, without secrets.
    Denied(Option<String>),
    /// `expired_token`: the consent has expired at the provider.
    Expired,
}

/// The result of a refresh.
#[derive(Clone)]
pub enum RefreshAnswer {
    /// The tokens.
    Granted(Box<TokenGrant>),
    /// The refresh succeeded, but the access token is missing or must not be used.
    Unusable {
        /// The new refresh token; `None` if the old one stays valid.
        refresh_token: Option<RefreshToken>,
        /// Why the access token is unusable.
        why: ProviderError,
    },
}

/// A token to revoke, with its type (RFC 7009 section 2.1, `token_type_hint`).
#[derive(Clone, Copy)]
pub enum TokenToRevoke<'a> {
    /// A refresh token. Revoking it should also revoke the access tokens of the grant (RFC 7009 section 2.1).
    Refresh(&'a RefreshToken),
    /// An access token.
    Access(&'a AccessToken),
}

/// The result of revoking a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// The token is invalid, and so is its grant.
    Revoked,
    /// The provider does not know the token. For a refresh token, this means that the grant has ended. An access token
    /// may merely have expired, so its grant may still be valid.
    Unknown,
    /// Only this token is invalid. A refresh token of its grant is still valid.
    TokenAlone,
    /// The provider cannot revoke tokens, or cannot revoke this type of token (RFC 7009 section 2.2.1,
    /// `unsupported_token_type`).
    Unsupported,
}

/// Why a request to a provider failed. No variant contains a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// No response, or a response without a result: connection failures, timeouts, 429, 5xx.
    #[error("the provider is unavailable: {detail}")]
    Unavailable {
        /// What happened.
        detail: String,
        /// The pause before a retry (`Retry-After`), if the provider stated one.
        retry_after: Option<Duration>,
    },
    /// A response that violates the protocol: HTML, truncated JSON, more than 2 MiB, a redirect.
    #[error("the provider sent an invalid response: {detail}")]
    Nonsense {
        /// What is wrong with the response.
        detail: String,
    },
    /// The provider does not accept this service: `invalid_client`, `unauthorized_client`, `invalid_scope`, no device
    /// flow. The operator must act.
    #[error("the provider rejects this service's client: {}", words(code, detail))]
    Misconfigured {
        /// The OAuth error code.
        code: String,
        /// The provider's text.
        detail: String,
    },
    /// A definite refusal of this request, such as `invalid_grant`.
    #[error("the provider rejected the request: {}", words(code, detail))]
    Refused {
        /// The OAuth error code.
        code: String,
        /// The provider's text.
        detail: String,
    },
}

/// Returns the code, followed by the provider's text if there is any.
fn words(code: &str, detail: &str) -> String {
    match detail {
        "" => code.to_owned(),
        _ => format!("{code}: {detail}"),
    }
}

impl ProviderError {
    /// Prefix of the code of a refusal without an OAuth error code. The HTTP status follows.
    pub const WITHOUT_CODE: &str = "http_";
    /// Prefix of the code of a refusal that is an HTML page. It begins with [`WITHOUT_CODE`](Self::WITHOUT_CODE),
    /// because such a page contains no OAuth error code.
    pub const HTML_PAGE: &str = "http_page_";
    /// The code if the userinfo endpoint rejects the access token (RFC 6750 section 3.1).
    pub const INVALID_TOKEN: &str = "invalid_token";
    /// The code of an invalid ID token (OpenID Connect Core section 3.1.3.7).
    pub const INVALID_ID_TOKEN: &str = "invalid_id_token";
    /// The code if the issuer has not published the key that signed the ID token. The issuer may publish the key later.
    pub const UNKNOWN_SIGNING_KEY: &str = "unknown_signing_key";

    /// Creates an [`Unavailable`](Self::Unavailable) without a `Retry-After`.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        let (detail, retry_after) = (detail.into(), None);
        Self::Unavailable {
            detail,
            retry_after,
        }
    }

    /// Creates a [`Nonsense`](Self::Nonsense).
    pub fn nonsense(detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::Nonsense { detail }
    }

    /// Creates a [`Misconfigured`](Self::Misconfigured).
    pub fn misconfigured(code: impl Into<String>, detail: impl Into<String>) -> Self {
        let (code, detail) = (code.into(), detail.into());
        Self::Misconfigured { code, detail }
    }

    /// Creates a [`Refused`](Self::Refused).
    pub fn refused(code: impl Into<String>, detail: impl Into<String>) -> Self {
        let (code, detail) = (code.into(), detail.into());
        Self::Refused { code, detail }
    }

    /// Whether a retry may help.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Nonsense { .. })
    }

    /// Whether the provider has refused this request with an OAuth error code. A refusal without a code may come from a
    /// proxy or a firewall that refuses all requests.
    pub fn is_definite(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if !code.starts_with(Self::WITHOUT_CODE))
    }

    /// Whether the ID token is invalid ([`INVALID_ID_TOKEN`](Self::INVALID_ID_TOKEN)).
    pub fn is_invalid_id_token(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == Self::INVALID_ID_TOKEN)
    }

    /// Whether the ID token cannot be verified, because it is invalid or because the issuer has not published its key.
    pub fn is_unverified_id_token(&self) -> bool {
        let has_unknown_key =
            matches!(self, Self::Refused { code, .. } if code == Self::UNKNOWN_SIGNING_KEY);
        has_unknown_key || self.is_invalid_id_token()
    }

    /// Whether a proxy or a firewall in front of the provider probably refused the request: the response is an HTML
    /// page, or a 403 without a code. An authorization server refuses a grant with a 400 (RFC 6749 section 5.2).
    pub fn is_of_gateway(&self) -> bool {
        let Self::Refused { code, .. } = self else {
            return false;
        };
        code.starts_with(Self::HTML_PAGE) || code.strip_prefix(Self::WITHOUT_CODE) == Some("403")
    }

    /// Returns the pause before a retry (`Retry-After`), if the provider stated one.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl From<&ProviderError> for Fault {
    fn from(error: &ProviderError) -> Self {
        let code = match error {
            ProviderError::Unavailable { .. } | ProviderError::Nonsense { .. } => {
                FaultCode::ProviderUnavailable
            }
            ProviderError::Misconfigured { code, .. } | ProviderError::Refused { code, .. } => {
                code.as_str().into()
            }
        };
        Self::new(code, error.to_string())
    }
}

/// Why a refresh brought no tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct RefreshError {
    /// The error.
    #[source]
    pub cause: ProviderError,
    /// Whether the provider may have issued a new refresh token that this service did not receive. The request was
    /// sent, but the response was lost, broken, or a server error.
    pub may_have_acted: bool,
}

impl From<ProviderError> for RefreshError {
    /// Creates the error for a request that changed nothing at the provider.
    fn from(cause: ProviderError) -> Self {
        Self {
            cause,
            may_have_acted: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_words_ends_with_its_code() {
        for (detail, end) in [
            ("", "server_error"),
            ("try later", "server_error: try later"),
        ] {
            for error in [
                ProviderError::refused("server_error", detail),
                ProviderError::misconfigured("server_error", detail),
            ] {
                let text = error.to_string();
                assert!(text.ends_with(&format!(": {end}")), "{text}");
            }
        }
    }
}
