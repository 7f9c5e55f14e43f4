//! Where providers depart from the RFCs: named behaviours that a profile switches on. What is left out keeps to the RFCs.
//! An operator takes away what a preset says with an empty text, or with zero where a number is expected.

mod operators;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::client_auth::{ClientAuth, ClientAuthMethod};

/// All of them. Which provider does what, and by which source, stands in the profiles.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// What is asked for (RFC 6749 section 3.3).
    pub scopes: ScopeQuirks,
    /// The authorization request and its answer (RFC 6749 section 4.1.1, RFC 9207).
    pub authorization: AuthorizationQuirks,
    /// The device flow (RFC 8628).
    pub device: DeviceQuirks,
    /// Token requests and answers (RFC 6749 section 5).
    pub token: TokenQuirks,
    /// Refreshing (RFC 6749 section 6).
    pub refresh: RefreshQuirks,
    /// Words of the provider, by what they mean.
    pub errors: ErrorWords,
    /// Who consented (OpenID Connect Core sections 2 and 5.3).
    pub identity: IdentityQuirks,
    /// Giving tokens back (RFC 7009).
    pub revocation: RevocationQuirks,
    /// What to do about an error, by its code, its whole description, or what stands before its first
    /// colon (`AADSTS50076`).
    #[serde(deserialize_with = "operators::without_empty")]
    pub advice: BTreeMap<String, String>,
}

/// Scopes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScopeQuirks {
    /// What joins them in requests; a space by RFC 6749 section 3.3.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub separator: Option<String>,
    /// One of these must be asked for, or no refresh token comes.
    pub for_refresh: Vec<String>,
    /// One of these must be asked for, or the provider does not say who the person is.
    pub for_identity: Vec<String>,
    /// The device flow gives these only.
    pub device_flow_gives: Vec<String>,
}

/// The authorization request and its answer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthorizationQuirks {
    /// How the server names itself in its answers where no metadata says so (RFC 9207 section 2).
    #[serde(deserialize_with = "operators::unless_empty")]
    pub response_issuer: Option<String>,
    /// The provider refuses the parameters of RFC 7636. The state still binds the answer to the browser.
    pub refuses_pkce: bool,
    /// The provider takes them of public clients only: with a client secret they are left out.
    pub refuses_pkce_with_secret: bool,
    /// ID tokens come without the nonce that was asked for (OpenID Connect Core section 3.1.2.1), so none is asked for.
    pub omits_nonce: bool,
    /// `offline_access` counts without `prompt=consent` (OpenID Connect Core section 11), so that is not sent.
    pub needs_no_prompt: bool,
}

/// The device flow.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceQuirks {
    /// Added to the device authorization request. In presets the values may have placeholders.
    #[serde(deserialize_with = "operators::without_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Which parameter holds the scopes; `scope` by RFC 8628 section 3.1.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub scope_parameter: Option<String>,
    /// Polls name the scopes again.
    pub polls_repeat_scopes: bool,
    /// `grant_type` of polls, in place of the URN of RFC 8628 section 3.4.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub grant_type: Option<String>,
    /// Which parameter of polls holds the device code; `device_code` by RFC 8628 section 3.4.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub code_parameter: Option<String>,
    /// `expires_in` and `interval` come in milliseconds.
    pub times_in_milliseconds: bool,
    /// `verification_uri` has the user code in it already, as `verification_uri_complete` would.
    pub verification_uri_is_complete: bool,
    /// The client secret must be left out: grants of this flow belong to a public client, refreshes included.
    pub refuses_secret: bool,
}

/// Token requests and answers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenQuirks {
    /// Added to requests that redeem a code or a device code. In presets the values may have placeholders.
    #[serde(deserialize_with = "operators::without_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Requests are JSON objects, not forms.
    pub json_requests: bool,
    /// Values of `token_type` that stand for bearer tokens.
    pub bearer_types: Vec<String>,
    /// Seconds that access tokens last although no answer says so.
    #[serde(deserialize_with = "operators::unless_zero")]
    pub default_expires_in: Option<u64>,
    /// Where answers list the scopes: JSON pointers (RFC 6901), the first that is there. `/scope` otherwise.
    pub scopes_at: Vec<String>,
}

/// Refreshing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefreshQuirks {
    /// Added to refreshes. In presets the values may have placeholders.
    #[serde(deserialize_with = "operators::without_empty")]
    pub parameters: BTreeMap<String, String>,
    /// What shows that the refresh token is dead, beside `invalid_grant`: codes, whole messages, the beginnings of messages
    /// (`Invalid Params*`), or members by their place (`/errors/*/code=1021`).
    pub dead: Vec<String>,
    /// `invalid_grant` has been seen for healthy tokens: it is believed only when it stays.
    pub dead_is_doubtful: bool,
    /// Seconds that a refresh token lasts, where no answer says so.
    #[serde(deserialize_with = "operators::unless_zero")]
    pub lasts: Option<u64>,
    /// Using it starts that time anew, be it by rotation or because it is a limit of disuse.
    pub use_renews: bool,
    /// Seconds from the consent after which the grant ends whatever is done.
    #[serde(deserialize_with = "operators::unless_zero")]
    pub grant_lasts: Option<u64>,
    /// Codes of failures that may have spent the refresh token.
    pub may_have_acted: Vec<String>,
}

/// Errors of a provider: codes, whole messages, the beginnings of messages or members, written as in
/// [`RefreshQuirks::dead`]. Case does not matter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorWords {
    /// `slow_down`.
    pub slow_down: Vec<String>,
    /// `access_denied`: the person said no.
    pub denied: Vec<String>,
    /// `expired_token`.
    pub expired: Vec<String>,
    /// `temporarily_unavailable`: limits and failures of the moment.
    pub passing: Vec<String>,
    /// The operator must act: `invalid_client` and its like. Never ends a grant.
    pub misconfigured: Vec<String>,
}

/// Who consented.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityQuirks {
    /// JSON pointers into userinfo. All of them, joined by colons, are the person's id; `/sub`, else `/id`, otherwise.
    pub id: Vec<String>,
    /// JSON pointers into userinfo: the first text is the name to show.
    pub name: Vec<String>,
    /// Userinfo is asked with POST.
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
}

/// Giving tokens back.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RevocationQuirks {
    /// Added to revocation requests. In presets the values may have placeholders.
    #[serde(deserialize_with = "operators::without_empty")]
    pub parameters: BTreeMap<String, String>,
    /// The request takes tokens of this type only.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub takes: Option<TokenType>,
    /// The method is DELETE.
    pub delete: bool,
    /// Where the token goes.
    pub token_in: TokenPlace,
    /// The token's parameter; `token` by RFC 7009 section 2.1.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub parameter: Option<String>,
    /// How this service authenticates; as at the token endpoint otherwise.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub auth_method: Option<RevocationAuth>,
    /// Statuses that mean that the token was gone.
    pub gone_statuses: Vec<u16>,
    /// Codes and whole messages that mean that the token was gone.
    pub gone: Vec<String>,
    /// Whether the request is read as it is sent is not known: no error shows that the token was gone, and with 200 it is
    /// an error still.
    pub doubts_unknown: bool,
    /// It ends the access token alone: a refresh token of the grant lives on.
    pub leaves_grant: bool,
    /// A success says so in this member; without it, 200 is none.
    #[serde(deserialize_with = "operators::unless_empty")]
    pub success_member: Option<String>,
    /// Of access tokens it ends the grant with a live one, and says 200 to a dead one too, as RFC 7009 section 2.2 has it:
    /// userinfo is asked first which of the two this is.
    pub ends_grants_of_live_tokens: bool,
}

/// What a revocation request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    /// `access_token` of RFC 7009 section 2.1.
    AccessToken,
    /// `refresh_token`.
    RefreshToken,
}

/// Where a revocation request carries the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    /// In a form (RFC 7009 section 2.1).
    #[default]
    Form,
    /// In a JSON object.
    Json,
    /// In the `Authorization` header, as a bearer token: it revokes itself.
    Bearer,
}

/// How this service authenticates when it gives tokens back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationAuth {
    /// Id and secret in the header. Without a secret the request is of no use.
    ClientSecretBasic,
    /// The client id alone, in the body.
    ClientId,
    /// Not at all: the token is enough.
    None,
}

impl Quirks {
    /// The extra parameters of every kind of request but the authorization request.
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
    /// Scopes as the text of a request.
    pub(crate) fn join(&self, scopes: &[String]) -> String {
        scopes.join(self.separator.as_deref().unwrap_or(" "))
    }

    /// The first that the device flow does not give.
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
    /// Whether the parameters of RFC 7636 are sent.
    pub(crate) const fn takes_pkce(&self, has_secret: bool) -> bool {
        !(self.refuses_pkce || self.refuses_pkce_with_secret && has_secret)
    }
}

impl RefreshQuirks {
    /// How long a refresh token lasts from an answer on that says nothing about it.
    pub(crate) fn lasts(&self, is_refreshed: bool) -> Option<Duration> {
        let seconds = self.lasts.filter(|_| self.use_renews || !is_refreshed);
        seconds.map(Duration::from_secs)
    }

    /// How long a grant lasts from the consent on.
    pub(crate) fn grant_lasts(&self) -> Option<Duration> {
        self.grant_lasts.map(Duration::from_secs)
    }
}

impl DeviceQuirks {
    /// How this service authenticates in grants of this flow.
    pub(crate) fn auth(&self, otherwise: ClientAuth) -> ClientAuth {
        if self.refuses_secret {
            ClientAuth::fixed(ClientAuthMethod::None)
        } else {
            otherwise
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_of_no_seconds_is_one_without_an_end() {
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
