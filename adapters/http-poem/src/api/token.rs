//! Access tokens.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::usecases::{Services, WorkloadAction, refusals};
use poem_openapi::OpenApi;
use poem_openapi::param::Query;

use super::Tag;
use crate::auth::NeededBearer;
use crate::dto::Token;
use crate::error::Problem;
use crate::failure::{
    Failure, PROVIDER_GONE, RELINK_REQUIRED, WORKLOAD_REFUSED, WORKLOAD_UNKNOWABLE, documented,
    provider_unavailable, unprocessable,
};
use crate::serialized::Serialized;

pub(crate) struct TokenApi {
    pub(super) services: Arc<Services>,
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
        /// Number of seconds that the token must still last. If even a fresh token does not last that long, the
        /// response has a `warning`.
        #[oai(default, validator(maximum(value = "2147483647")))]
        min_ttl: Query<u64>,
    ) -> Result<Serialized<Token>, Failure<GetToken>> {
        let (tokens, min_ttl) = (&self.services.tokens, Duration::from_secs(min_ttl.0));
        let (address, is_head) = (bearer.address, bearer.is_head);
        let action = WorkloadAction::Token(None);
        let token = bearer.serve(&self.services, action, |caller| async move {
            if is_head {
                tokens.inspect(&caller, min_ttl).await
            } else {
                tokens.hand_out(&caller, min_ttl, address).await
            }
        });
        Ok(Serialized(token.await?.into()))
    }
}

documented!(GetToken, [
    "`min_ttl` is not a number of seconds" => {
        let reason = r#"failed to parse "integer(uint64)": invalid digit found in string"#;
        Problem::bad_parameter("min_ttl", reason)
    },
    WORKLOAD_REFUSED,
    "only an access key can read a token" => refusals::NOT_FOR_OPERATORS,
    RELINK_REQUIRED,
    "the workload may read several accounts; `POST /oauth/token` takes the id of one" =>
        unprocessable(refusals::SEVERAL_ACCOUNTS),
    "the token has expired and the provider gives no usable response at the moment" =>
        provider_unavailable(),
    WORKLOAD_UNKNOWABLE,
    PROVIDER_GONE,
]);
