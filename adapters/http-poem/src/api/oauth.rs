//! Token exchange, for OAuth clients (RFC 8693).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use central_oauth_domain::secret::{AccessKey, WorkloadToken};
use central_oauth_domain::usecases::{
    Caller, HandedToken, Services, TokenExchangeError, WorkloadAction, WorkloadCall,
};
use poem::http::StatusCode;
use poem::{Request, RequestBody, Result};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type as _;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, OpenApi};
use url::{Url, form_urlencoded};

use super::Tag;
use crate::address::client_address;
use crate::body::{FORM, body_meta, is_of_type};
use crate::dto::{
    ACCESS_TOKEN, ExchangedToken, ID_TOKEN, JWT, LONGEST_PARAMETER, OAuthErrorBody, ServerMetadata,
    TOKEN_EXCHANGE, TokenExchange,
};
use crate::error::{Code, ExchangeFailure, OAuthError, Problem};
use crate::failure::{Failure, documented, header};

pub(crate) struct OAuth {
    services: Arc<Services>,
    issuer: String,
}

impl OAuth {
    pub(super) fn new(services: Arc<Services>, public_url: &Url) -> Self {
        let issuer = public_url.as_str().trim_end_matches('/').to_owned();
        Self { services, issuer }
    }

    /// Exchanges the subject token, which is an access key or a JWT, according to its type.
    async fn exchanged(
        &self,
        form: &TokenExchange,
        address: IpAddr,
    ) -> Result<HandedToken, TokenExchangeError> {
        let scope = form.scope.as_deref().unwrap_or_default();
        let scopes: Vec<_> = scope.split_ascii_whitespace().collect();
        let (audience, scopes) = (form.audience.as_deref(), &scopes);
        let Services {
            keys,
            tokens,
            workloads,
            ..
        } = &*self.services;
        let exchange = |caller: Caller| async move {
            tokens.exchange(&caller, audience, scopes, address).await
        };
        if form.subject_token_type == ACCESS_TOKEN {
            let key = AccessKey::new(form.subject_token.as_str());
            let recognised = keys.authenticate_for_token(Some(&key), address).await;
            let caller = recognised.map_err(|refusal| keys.refuse_bearer(refusal, address))?;
            keys.count_operator(&caller, address);
            return exchange(caller).await;
        }
        let token = WorkloadToken::new(form.subject_token.as_str());
        let action = WorkloadAction::Token(audience);
        workloads
            .serve(call(&token, address), action, exchange)
            .await
    }
}

const fn call(token: &WorkloadToken, address: IpAddr) -> WorkloadCall<'_> {
    WorkloadCall {
        token,
        address,
        is_head: false,
    }
}

#[OpenApi(tag = "Tag::Tokens")]
impl OAuth {
    /// Exchange a token
    ///
    /// Token exchange (RFC 8693) for OAuth clients: returns a valid access token of the account that the subject token
    /// opens. The subject token is an access key, or the JWT of a workload that the operator trusts. Errors are those
    /// of RFC 6749.
    #[oai(
        path = "/oauth/token",
        method = "post",
        operation_id = "exchange_token"
    )]
    async fn exchange(
        &self,
        request: &Request,
        form: TokenForm,
    ) -> Result<Json<ExchangedToken>, ExchangeFailure> {
        let address = client_address(request);
        let workloads = &self.services.workloads;
        let jwt = form.jwt().filter(|_| workloads.are_trusted());
        let form = match form.read(jwt.is_some()) {
            Ok(form) => form,
            Err(error) => {
                if let Some(jwt) = jwt {
                    let action = WorkloadAction::Token(None).as_str();
                    let call = call(&jwt, address);
                    workloads.record_rejection(call, action, error.error).await;
                }
                return Err(ExchangeFailure::OAuth(error));
            }
        };
        let token = self.exchanged(&form, address).await?;
        Ok(Json(token.into()))
    }

    /// Describe the token endpoint
    ///
    /// Authorization server metadata (RFC 8414), for OAuth clients.
    #[oai(
        path = "/.well-known/oauth-authorization-server",
        method = "get",
        operation_id = "get_server_metadata"
    )]
    async fn metadata(&self) -> Result<Json<ServerMetadata>, Failure<Metadata>> {
        Ok(Json(ServerMetadata::of(&self.issuer)))
    }
}

documented!(Metadata, None, []);

/// The form of a token exchange.
struct TokenForm(Vec<(String, String)>);

impl<'a> ApiExtractor<'a> for TokenForm {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        TokenExchange::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        body_meta::<TokenExchange>(FORM, true)
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let bytes = body.take()?.into_bytes().await?;
        if !is_of_type(request, FORM) {
            let detail = "the body must be a form, not compressed, with Content-Type: application/x-www-form-urlencoded";
            return Err(Problem::new(Code::UnsupportedMediaType, detail).into());
        }
        // Empty parameters count as missing (RFC 6749 section 3.2).
        let sent = form_urlencoded::parse(&bytes).into_owned();
        Ok(Self(sent.filter(|(_, value)| !value.is_empty()).collect()))
    }
}

impl TokenForm {
    /// Returns the subject token, if it looks like the JWT of a workload.
    fn jwt(&self) -> Option<WorkloadToken> {
        let mut tokens = self.0.iter().filter(|(name, _)| name == "subject_token");
        let jwt = tokens.find(|(_, token)| WorkloadToken::is_like(token));
        jwt.map(|(_, token)| WorkloadToken::new(token.as_str()))
    }

    /// Parses the form. A JWT must not have the token type of an access key.
    fn read(self, has_jwt: bool) -> Result<TokenExchange, OAuthError> {
        let form = read(self.0)?;
        if has_jwt && form.subject_token_type == ACCESS_TOKEN {
            let description = "the subject token is a JWT: subject_token_type must be urn:ietf:params:oauth:token-type:jwt";
            return Err(OAuthError::invalid_request(description));
        }
        Ok(form)
    }
}

/// Parses the parameters. No parameter may be repeated (RFC 6749 section 3.2).
fn read(sent: Vec<(String, String)>) -> Result<TokenExchange, OAuthError> {
    let mut parameters = BTreeMap::new();
    for (name, value) in sent {
        // A subject token that is too long is rejected later, with an audit entry.
        if name != "subject_token" && value.chars().count() > LONGEST_PARAMETER {
            return Err(OAuthError::invalid_request("a parameter is too long"));
        }
        // RFC 8693 section 2.1 allows several targets, but a token opens only one account.
        if matches!(name.as_str(), "audience" | "resource") && parameters.contains_key(&name) {
            return Err(OAuthError::invalid_target(
                "a token is for one account; send one audience",
            ));
        }
        if parameters.insert(name, value).is_some() {
            return Err(OAuthError::invalid_request("a parameter comes twice"));
        }
    }
    let mut take = |name: &str| parameters.remove(name);
    let need = |name: &str, value: Option<String>| {
        value.ok_or_else(|| OAuthError::invalid_request(format!("the parameter {name} is missing")))
    };
    let grant_type = need("grant_type", take("grant_type"))?;
    if grant_type != TOKEN_EXCHANGE {
        return Err(OAuthError::unsupported_grant_type());
    }
    if take("actor_token").is_some() || take("actor_token_type").is_some() {
        return Err(OAuthError::invalid_request("actor_token is not supported"));
    }
    if take("resource").is_some() {
        return Err(OAuthError::invalid_target(
            "resource is not supported; audience is the id of an account",
        ));
    }
    let form = TokenExchange {
        grant_type,
        subject_token: need("subject_token", take("subject_token"))?,
        subject_token_type: need("subject_token_type", take("subject_token_type"))?,
        audience: take("audience"),
        scope: take("scope"),
        requested_token_type: take("requested_token_type"),
    };
    if ![ACCESS_TOKEN, JWT, ID_TOKEN].contains(&form.subject_token_type.as_str()) {
        let description = "subject_token_type must be one of urn:ietf:params:oauth:token-type:access_token, :jwt and :id_token";
        return Err(OAuthError::invalid_request(description));
    }
    if form
        .requested_token_type
        .as_ref()
        .is_some_and(|asked| asked != ACCESS_TOKEN)
    {
        return Err(OAuthError::invalid_request(
            "requested_token_type must be urn:ietf:params:oauth:token-type:access_token",
        ));
    }
    Ok(form)
}

/// The errors of the token endpoint for the OpenAPI document, with the meaning of each status.
const ERRORS: [(StatusCode, &str); 7] = [
    (
        StatusCode::BAD_REQUEST,
        "`invalid_request`: a parameter is missing or wrong, or the subject token is refused; `invalid_target`: the subject \
         token opens no such account; `invalid_scope`: the account has not been granted these scopes; `invalid_grant`: a \
         person must consent, or consent again; `unsupported_grant_type`",
    ),
    (
        StatusCode::METHOD_NOT_ALLOWED,
        "`invalid_request`: only POST",
    ),
    (
        StatusCode::PAYLOAD_TOO_LARGE,
        "`invalid_request`: the body is larger than 64 KiB",
    ),
    (
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "`invalid_request`: the body is not a form",
    ),
    (
        StatusCode::TOO_MANY_REQUESTS,
        "`temporarily_unavailable`: too many unknown or expired keys from this network (30 at once, then one every 2 seconds \
         get another error), which concerns no valid key; or this key was used more often than its `max_uses_per_minute`",
    ),
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "`server_error`: the operator finds the cause in the service's log",
    ),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "`temporarily_unavailable`: the provider, the issuer of the workload's JWT or the service's database gives no usable \
         response at the moment",
    ),
];

impl ApiResponse for ExchangeFailure {
    fn meta() -> MetaResponses {
        let responses = ERRORS.iter().map(|(status, description)| MetaResponse {
            description,
            status: Some(status.as_u16()),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: "application/json",
                schema: OAuthErrorBody::schema_ref(),
            }],
            headers: header(*status).into_iter().collect(),
        });
        MetaResponses {
            responses: responses.collect(),
        }
    }

    fn register(registry: &mut Registry) {
        OAuthErrorBody::register(registry);
    }
}
