//! Access tokens.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::usecases::Services;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;

use super::Tag;
use crate::auth::NeededBearer;
use crate::dto::Token;
use crate::failure::{Answer, Documented, Failure, TOO_MANY_UNKNOWN_KEYS, UNAUTHORIZED_OR_REFUSED};

pub(crate) struct TokenApi {
    services: Arc<Services>,
}

impl TokenApi {
    pub(super) const fn new(services: Arc<Services>) -> Self {
        Self { services }
    }
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Tokens")]
impl TokenApi {
    /// Get a valid access token
    ///
    /// Ask whenever you need a token instead of storing one. A token that does not last long enough is refreshed first,
    /// which takes at most 15 seconds. A `warning` comes with a token that works although something is wrong. A trusted
    /// workload sends a JWT of its platform instead of an access key.
    #[oai(path = "/token", method = "get", operation_id = "get_token")]
    async fn get(
        &self,
        bearer: NeededBearer,
        /// Number of seconds that the token must still last. If a fresh token lasts shorter than this, the response has a
        /// `warning`.
        #[oai(default)]
        min_ttl: Query<u64>,
    ) -> Result<Json<Token>, Failure<GetToken>> {
        let caller = bearer.token_caller(&self.services).await?;
        let min_ttl = Duration::from_secs(min_ttl.0);
        let token = if bearer.is_head() {
            self.services.tokens.inspect(&caller, min_ttl).await?
        } else {
            let address = bearer.address();
            self.services
                .tokens
                .hand_out(&caller, min_ttl, address)
                .await?
        };
        Ok(Json(token.into()))
    }
}

struct GetToken;

impl Documented for GetToken {
    const PROBLEMS: &'static [Answer] = &[
        Answer(
            400,
            "`invalid_request`: `min_ttl` is not a number of seconds",
        ),
        UNAUTHORIZED_OR_REFUSED,
        Answer(403, "`forbidden`: only an access key can read a token"),
        Answer(
            409,
            "`link_pending`: the link of this key has not been completed; `relink_required`: the grant is over, and a \
             person must consent again",
        ),
        Answer(
            422,
            "`unprocessable`: the workload may read several accounts; `POST /oauth/token` takes the id of one",
        ),
        TOO_MANY_UNKNOWN_KEYS,
        Answer(
            503,
            "`provider_unavailable`: the token has expired and the provider gives no usable response at the moment, or the \
             issuer of the workload's JWT does not answer; \
             `provider_not_configured`: it has expired and the provider is not in the configuration any more; `store_unavailable`: the service cannot use its database at the moment",
        ),
    ];
}
