//! Relinks that an operator starts.

use std::sync::Arc;

use central_oauth_domain::usecases::{Refusal, Services, refusals};
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use url::Url;

use super::links::{Started, page};
use super::{Tag, account_id, id};
use crate::auth::NeededBearer;
use crate::dto::StartedLink;
use crate::failure::{
    AUDITORS_ONLY_READ, ENROLMENT_ONLY, Failure, NO_SUCH_ACCOUNT, PROVIDER_GONE, documented,
    unprocessable,
};

pub(crate) struct Relinks {
    services: Arc<Services>,
    page: Url,
}

impl Relinks {
    pub(super) fn new(services: Arc<Services>, public_url: &Url) -> Self {
        let page = page(public_url);
        Self { services, page }
    }
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Accounts")]
impl Relinks {
    /// Link an account again
    ///
    /// Asks for a link code with which the person of the account consents again, whatever state the account is in.
    /// Needs an admin's key. Poll the link (`GET /v1/poll/{link_code}`) with the same key; there is no new access key.
    /// All keys of the account stay valid. If another person consents, the link ends as `failed` with
    /// `account_mismatch`, and the account does not change. A program that has an access key sends it to
    /// `POST /v1/link-code` instead.
    #[oai(
        path = "/accounts/:id/relink",
        method = "post",
        operation_id = "relink_account"
    )]
    async fn start(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        #[oai(example = "id::example")]
        id: Path<String>,
    ) -> Result<Started, Failure<RelinkAccount>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let links = &self.services.links;
        let started = links.start_relink(&caller, account_id(&id), bearer.address);
        let started = StartedLink::new(started.await?, None, &self.page);
        Ok(Started::Created(Json(started)))
    }
}

documented!(RelinkAccount, [
    ENROLMENT_ONLY,
    AUDITORS_ONLY_READ,
    "an access key relinks its own account only" => refusals::ADMINS_RELINK,
    NO_SUCH_ACCOUNT,
    "the account has a random id, so the service could not reject another person's consent" =>
        unprocessable(refusals::NOT_IDENTIFIED),
    "the account has no access key any more" => unprocessable(refusals::NO_KEY_LEFT),
    "this service links accounts only with a return code, for which a program must ask" =>
        Refusal::ReturnCodeRequired,
    PROVIDER_GONE,
    "too many links are open" => Refusal::OverCapacity,
]);
