//! Revocations of tokens at their providers.

use std::sync::Arc;

use central_oauth_domain::usecases::{Services, refusals};
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;

use super::Tag;
use super::cursor::{BAD_PAGE, REVOCATIONS, page_size};
use crate::auth::NeededBearer;
use crate::dto::{Revocation, RevocationList};
use crate::failure::{Failure, documented};

pub(crate) struct Revocations {
    pub(super) services: Arc<Services>,
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Accounts")]
impl Revocations {
    /// List revocations
    ///
    /// Lists pending revocations, and those that ended within the last week. They concern tokens of deleted accounts
    /// and tokens that arrived too late. Needs an admin's or an auditor's key.
    #[oai(
        path = "/revocations",
        method = "get",
        operation_id = "list_revocations"
    )]
    async fn list(
        &self,
        bearer: NeededBearer,
        /// Maximum number of revocations to return.
        #[oai(
            default = "page_size",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u32>,
        /// Cursor of the page to return: the `next_cursor` of the previous page.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<String>>,
    ) -> Result<Json<RevocationList>, Failure<ListRevocations>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let after = REVOCATIONS.read(cursor.0.as_deref())?;
        let limit = u64::from(limit.0);
        let page = self.services.revoker.list(&caller, after, limit).await?;
        Ok(Json(RevocationList {
            items: page.items.into_iter().map(Revocation::from).collect(),
            next_cursor: page.next.map(|id| REVOCATIONS.write(id)),
        }))
    }
}

documented!(ListRevocations, [
    BAD_PAGE,
    "only keys of admins and auditors see revocations" => refusals::ADMIN_ONLY,
]);
