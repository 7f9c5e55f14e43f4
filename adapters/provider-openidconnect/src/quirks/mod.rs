//! Where providers depart from the RFCs: named behaviours that a profile switches on. The defaults follow the RFCs. An
//! operator removes a preset's value with an empty string, or with zero for a number.

mod operators;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// All quirks. The profiles say which provider does what, with sources.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// Scopes (RFC 6749 section 3.3).
    pub scopes: ScopeQuirks,
    /// The authorization request and its response (RFC 6749 section 4.1.1, RFC 9207).
    pub authorization: AuthorizationQuirks,
    /// The device flow (RFC 8628).
    pub device: DeviceQuirks,
    /// Token requests and responses (RFC 6749 section 5).
    pub token: TokenQuirks,
    /// Refreshing (RFC 6749 section 6).
    pub refresh: RefreshQuirks,
    /// The provider's own error codes, by their meaning.
    pub errors: ErrorWords,
    /// The person (OpenID Connect Core sections 2 and 5.3).
    pub identity: IdentityQuirks,
    /// Revocation (RFC 7009).
    pub revocation: RevocationQuirks,
    /// Advice about an error. The keys are written as in [`RefreshQuirks::dead`], and compared with the code, the
    /// description, the text before its first colon (`AADSTS50076`), and the members.
    #[serde(deserialize_with = "operators::without_empty")]
    pub advice: BTreeMap<String, String>,
}

/// Scopes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScopeQuirks {
    /// The separator in requests; a space by RFC 6749 section 3.3.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub separator: Option<String>,
    /// At least one of these scopes is required for a refresh token.
    pub for_refresh: Vec<String>,
    /// At least one of these scopes is required to identify the person.
    pub for_identity: Vec<String>,
    /// The only scopes that the device flow grants.
    pub device_flow_gives: Vec<String>,
    /// The callback of the code flow names the granted scopes (`scope`). They apply if the token response names none.
    /// Scopes that were not requested are ignored.
    pub in_callback: bool,
}

/// The authorization request and its response.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthorizationQuirks {
    /// The issuer (`iss`) in authorization responses, if no metadata names it (RFC 9207 section 2).
    #[serde(deserialize_with = "operators::unless_empty")]
    pub response_issuer: Option<String>,
    /// The provider rejects PKCE (RFC 7636). The state still binds the response to the browser.
    pub refuses_pkce: bool,
    /// The provider accepts PKCE only from public clients; with a client secret PKCE is not used.
    pub refuses_pkce_with_secret: bool,
    /// ID tokens lack the requested nonce (OpenID Connect Core section 3.1.2.1), so no nonce is sent.
    pub omits_nonce: bool,
    /// `offline_access` works without `prompt=consent` (OpenID Connect Core section 11), so the prompt is not sent.
    pub needs_no_prompt: bool,
}

/// The device flow.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceQuirks {
    /// Extra parameters of the device authorization request. Presets may use placeholders.
    #[serde(deserialize_with = "operators::without_empty")]
    pub parameters: BTreeMap<String, String>,
    /// The parameter for scopes; `scope` by RFC 8628 section 3.1.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub scope_parameter: Option<String>,
    /// Polls repeat the scopes.
    pub polls_repeat_scopes: bool,
    /// `grant_type` of polls, instead of the URN of RFC 8628 section 3.4.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub grant_type: Option<String>,
    /// The parameter for the device code in polls; `device_code` by RFC 8628 section 3.4.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub code_parameter: Option<String>,
    /// `expires_in` and `interval` are in milliseconds.
    pub times_in_milliseconds: bool,
    /// `verification_uri` contains the user code, like `verification_uri_complete`.
    pub verification_uri_is_complete: bool,
    /// The client secret must not be sent: grants of this flow belong to a public client, also when refreshing.
    pub refuses_secret: bool,
}

/// Token requests and responses.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenQuirks {
    /// Extra parameters of requests that redeem a code or a device code. Presets may use placeholders.
    #[serde(deserialize_with = "operators::without_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Requests are JSON objects instead of forms.
    pub json_requests: bool,
    /// Further values of `token_type` that mean Bearer.
    pub bearer_types: Vec<String>,
    /// Lifetime of access tokens in seconds, if responses do not say.
    #[serde(deserialize_with = "operators::unless_zero")]
    pub default_expires_in: Option<u64>,
    /// JSON pointers (RFC 6901) to the scopes in responses; the first that exists counts. Default: `/scope`.
    pub scopes_at: Vec<String>,
}

/// Refreshing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefreshQuirks {
    /// Extra parameters of refreshes. Presets may use placeholders.
    #[serde(deserialize_with = "operators::without_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Errors that mean a dead refresh token, in addition to `invalid_grant`: codes, whole messages, beginnings of
    /// messages (`Invalid Params*`), or members by their place (`/errors/*/code=1021`).
    pub dead: Vec<String>,
    /// The provider has sent `invalid_grant` for valid tokens, so this error ends a grant only if it persists.
    pub dead_is_doubtful: bool,
    /// Lifetime of a refresh token in seconds, if responses do not say.
    #[serde(deserialize_with = "operators::unless_zero")]
    pub lasts: Option<u64>,
    /// Using the refresh token restarts its lifetime, by rotation or because it only expires from disuse.
    pub use_renews: bool,
    /// Maximum age of a grant in seconds, counted from the consent.
    #[serde(deserialize_with = "operators::unless_zero")]
    pub grant_lasts: Option<u64>,
    /// Codes of failures that may have used up the refresh token.
    pub may_have_acted: Vec<String>,
}

/// The provider's own errors: codes, whole messages, beginnings of messages or members, written as in
/// [`RefreshQuirks::dead`]. Case does not matter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorWords {
    /// `authorization_pending`: the person has not answered yet.
    pub pending: Vec<String>,
    /// `slow_down`.
    pub slow_down: Vec<String>,
    /// `access_denied`: the person declined.
    pub denied: Vec<String>,
    /// `expired_token`.
    pub expired: Vec<String>,
    /// `temporarily_unavailable`: rate limits and temporary failures.
    pub passing: Vec<String>,
    /// The operator must act: `invalid_client` and similar. Never ends a grant.
    pub misconfigured: Vec<String>,
    /// `invalid_grant` in words that the provider has also used for valid tokens. Ends a grant only if it persists.
    pub doubtful: Vec<String>,
}

/// The person who consented.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityQuirks {
    /// JSON pointers into userinfo. All of them, joined by colons, are the person's id. Default: `/sub`, else `/id`.
    pub id: Vec<String>,
    /// JSON pointers into userinfo; the first text is the display name.
    pub name: Vec<String>,
    /// Userinfo is requested with POST.
    pub post: bool,
    /// Headers of the userinfo request.
    #[serde(deserialize_with = "operators::without_empty")]
    pub headers: BTreeMap<String, String>,
    /// The authorization scheme at userinfo; `Bearer` by RFC 6750 section 2.1.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub scheme: Option<String>,
    /// One issuer for many tenants: `{tenantid}` stands for the claim `tid` of the ID token.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub issuer_template: Option<String>,
    /// Another name of the issuer in ID tokens. OpenID Connect Core section 15.6.2 allows Google's without a scheme.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub issuer_alias: Option<String>,
}

/// Revocation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RevocationQuirks {
    /// Extra parameters of revocation requests. Presets may use placeholders.
    #[serde(deserialize_with = "operators::without_empty")]
    pub parameters: BTreeMap<String, String>,
    /// The provider revokes only tokens of this type.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub takes: Option<TokenType>,
    /// The request uses the method DELETE.
    pub delete: bool,
    /// Where the request contains the token.
    pub token_in: TokenPlace,
    /// The parameter for the token; `token` by RFC 7009 section 2.1.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub parameter: Option<String>,
    /// The method of client authentication; default: as at the token endpoint.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub auth_method: Option<RevocationAuth>,
    /// Statuses that mean that the token was already gone.
    pub gone_statuses: Vec<u16>,
    /// Codes and whole messages that mean that the token was already gone.
    pub gone: Vec<String>,
    /// It is uncertain whether the provider understands the request. So every error that `gone_statuses` and `gone` do
    /// not list is a failure, even `invalid_token`, `invalid_grant` and an error with status 200.
    pub doubts_unknown: bool,
    /// Revokes only the access token; the refresh token of the grant stays valid.
    pub leaves_grant: bool,
    /// The name of the JSON member that is `true` in a successful response. If it is set, status 200 without this
    /// member is a failure.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub success_member: Option<String>,
    /// Revoking a live access token ends the grant, but the provider answers 200 to any token (RFC 7009 section 2.2).
    /// So the service first checks at userinfo whether the token is live.
    pub ends_grants_of_live_tokens: bool,
}

/// The type of token in a revocation request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    /// `access_token` of RFC 7009 section 2.1.
    AccessToken,
    /// `refresh_token`.
    RefreshToken,
}

/// Where a revocation request contains the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    /// In a form (RFC 7009 section 2.1).
    #[default]
    Form,
    /// In a JSON object.
    Json,
    /// In the `Authorization` header as a bearer token: the token revokes itself.
    Bearer,
}

/// Client authentication of revocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationAuth {
    /// Id and secret in the header. Without a secret the provider cannot revoke.
    ClientSecretBasic,
    /// Only the client id, in the body.
    ClientId,
    /// None: the token is enough.
    None,
}

impl Quirks {
    /// Returns the extra parameters of every kind of request except authorization requests.
    pub(crate) fn parameters(&mut self) -> [&mut BTreeMap<String, String>; 4] {
        [
            &mut self.device.parameters,
            &mut self.token.parameters,
            &mut self.refresh.parameters,
            &mut self.revocation.parameters,
        ]
    }
}

impl ScopeQuirks {
    pub(crate) fn join(&self, scopes: &[String]) -> String {
        scopes.join(self.separator.as_deref().unwrap_or(" "))
    }

    /// Returns the first scope that the device flow cannot grant.
    pub(crate) fn not_by_device_flow<'a>(&self, scopes: &'a [String]) -> Option<&'a str> {
        let given = &self.device_flow_gives;
        let mut others = scopes.iter().filter(|scope| !given.contains(scope));
        others
            .next()
            .filter(|_| !given.is_empty())
            .map(String::as_str)
    }
}

impl AuthorizationQuirks {
    pub(crate) const fn takes_pkce(&self, has_secret: bool) -> bool {
        !(self.refuses_pkce || self.refuses_pkce_with_secret && has_secret)
    }
}

impl RefreshQuirks {
    /// Returns the lifetime of a refresh token from a consent, for responses that do not state it.
    pub(crate) fn lasts(&self) -> Option<Duration> {
        self.lasts.map(Duration::from_secs)
    }

    /// Returns the lifetime of a refresh token from any response, for responses that do not state it. `None` if a
    /// refresh does not restart the lifetime.
    pub(crate) fn lasts_if_renewed(&self) -> Option<Duration> {
        self.lasts().filter(|_| self.use_renews)
    }

    /// Returns the maximum age of a grant, counted from the consent.
    pub(crate) fn grant_lasts(&self) -> Option<Duration> {
        self.grant_lasts.map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_seconds_mean_no_end_of_the_grant() {
        for (written, expected) in [
            ("", None),
            ("grant_lasts = 0", None),
            ("grant_lasts = 60", Some(Duration::from_secs(60))),
        ] {
            let quirks: RefreshQuirks = toml::from_str(written).unwrap();
            assert_eq!(quirks.grant_lasts(), expected);
        }
    }
}
