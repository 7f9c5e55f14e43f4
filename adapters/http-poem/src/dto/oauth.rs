//! Token exchange (RFC 8693) and the metadata of its server (RFC 8414).

use central_oauth_domain::usecases::HandedToken;
use poem_openapi::Object;
use poem_openapi::types::Example;

use super::seconds_down;

/// Maximum length of every parameter except the subject token, in characters. Only `scope` needs this much.
pub(crate) const LONGEST_PARAMETER: usize = 16_384;
pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub(crate) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
pub(crate) const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// A token exchange (RFC 8693 section 2.1). Unknown parameters are ignored, `client_id` among them.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none)]
pub(crate) struct TokenExchange {
    /// Always `urn:ietf:params:oauth:grant-type:token-exchange`.
    #[oai(validator(max_length = 100))]
    pub(crate) grant_type: String,
    /// An access key of this service, or the JWT of a trusted workload.
    #[oai(validator(max_length = 16384))]
    pub(crate) subject_token: String,
    /// `urn:ietf:params:oauth:token-type:access_token` for an access key, `urn:ietf:params:oauth:token-type:jwt` or
    /// `urn:ietf:params:oauth:token-type:id_token` for the JWT of a workload.
    #[oai(validator(max_length = 100))]
    pub(crate) subject_token_type: String,
    /// The id of the account. Needed only if the subject token opens several.
    #[oai(validator(max_length = 19))]
    pub(crate) audience: Option<String>,
    /// Scopes that the account must have been granted, separated by spaces. The response has the actual scopes.
    #[oai(validator(max_length = 16384))]
    pub(crate) scope: Option<String>,
    /// `urn:ietf:params:oauth:token-type:access_token`, the default.
    #[oai(validator(max_length = 100))]
    pub(crate) requested_token_type: Option<String>,
}

/// An exchanged token (RFC 8693 section 2.2.1): the valid access token of the account.
#[derive(Object)]
#[oai(example, skip_serializing_if_is_none)]
pub(crate) struct ExchangedToken {
    /// The access token of the provider.
    access_token: String,
    /// Always `urn:ietf:params:oauth:token-type:access_token`.
    issued_token_type: String,
    /// Always `Bearer`.
    token_type: String,
    /// Seconds until the token expires. Absent if it does not expire, as far as the provider says.
    expires_in: Option<u64>,
    /// The granted scopes, separated by spaces. Absent if the provider names none.
    scope: Option<String>,
}

/// An error of the token endpoint (RFC 6749 section 5.2).
#[derive(Object)]
#[oai(rename = "OAuthError", example)]
pub(crate) struct OAuthErrorBody {
    /// What went wrong, for programs.
    error: String,
    /// What went wrong, for people.
    error_description: String,
}

/// What OAuth clients can know about this service (RFC 8414 section 2).
#[derive(Object)]
#[oai(example)]
pub(crate) struct ServerMetadata {
    /// The public URL of this service.
    issuer: String,
    /// Where tokens are exchanged.
    token_endpoint: String,
    /// Empty: there is no authorization endpoint.
    response_types_supported: Vec<String>,
    /// Token exchange.
    grant_types_supported: Vec<String>,
    /// `none`: the subject token identifies the caller.
    token_endpoint_auth_methods_supported: Vec<String>,
}

impl From<HandedToken> for ExchangedToken {
    fn from(token: HandedToken) -> Self {
        let scope = token.account.scopes.join(" ");
        Self {
            access_token: token.access_token.expose().to_owned(),
            issued_token_type: ACCESS_TOKEN.to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: token.expires_in.map(seconds_down),
            scope: Some(scope).filter(|scope| !scope.is_empty()),
        }
    }
}

impl OAuthErrorBody {
    pub(crate) fn new(error: &str, description: &str) -> Self {
        Self {
            error: error.to_owned(),
            error_description: description.to_owned(),
        }
    }
}

impl ServerMetadata {
    /// Returns the metadata of the service at this URL, which has no trailing slash.
    pub(crate) fn of(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            token_endpoint: format!("{issuer}/oauth/token"),
            response_types_supported: Vec::new(),
            grant_types_supported: vec![TOKEN_EXCHANGE.to_owned()],
            token_endpoint_auth_methods_supported: vec!["none".to_owned()],
        }
    }
}

impl Example for TokenExchange {
    fn example() -> Self {
        Self {
            grant_type: TOKEN_EXCHANGE.to_owned(),
            subject_token: "coak_0123456789abcdefghjkmnpqrstvwxyz01234567".to_owned(),
            subject_token_type: ACCESS_TOKEN.to_owned(),
            audience: Some("7".to_owned()),
            scope: Some("repo".to_owned()),
            requested_token_type: None,
        }
    }
}

impl Example for ExchangedToken {
    fn example() -> Self {
        Self {
            access_token: "gho_16C7e42F292c6912E7710c838347Ae178B4a".to_owned(),
            issued_token_type: ACCESS_TOKEN.to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: Some(28_800),
            scope: Some("repo read:user".to_owned()),
        }
    }
}

impl Example for OAuthErrorBody {
    fn example() -> Self {
        Self::new("invalid_target", "the subject token opens no such account")
    }
}

impl Example for ServerMetadata {
    fn example() -> Self {
        Self::of("https://auth.example.com")
    }
}
