//! Access keys of an account.

use std::sync::Arc;

use central_oauth_domain::grant::{AccessKeyId, OutlivesMaker};
use central_oauth_domain::ports::Descendants;
use central_oauth_domain::usecases::{Refusal, Services, refusals};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::accounts::account_id;
use super::cursor::{BAD_PAGE, KEYS, page_size};
use super::{Tag, id};
use crate::auth::NeededBearer;
use crate::body::{JsonBody, no_body, rejected};
use crate::dto::{AccessKeyDetails, AccessKeyList, CreatedAccessKey, Flag, NewAccessKey};
use crate::error::Problem;
use crate::failure::{
    AUDITORS_ONLY_READ, ENROLMENT_ONLY, Failure, NO_SUCH_ACCOUNT, NOT_JSON, OWNERS_ONLY,
    documented, unprocessable,
};

pub(crate) struct Keys {
    pub(super) services: Arc<Services>,
}

#[derive(ApiResponse)]
enum Created {
    /// The new access key.
    #[oai(status = 201)]
    Created(Json<CreatedAccessKey>),
}

#[derive(ApiResponse)]
enum Deleted {
    /// The key was deleted.
    #[oai(status = 204)]
    Deleted,
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Keys")]
impl Keys {
    /// List an account's access keys
    ///
    /// All keys of the account, without their secrets. Needs an admin's or an auditor's key, or the key that came with
    /// a link code of the account.
    #[oai(
        path = "/accounts/:id/keys",
        method = "get",
        operation_id = "list_access_keys"
    )]
    async fn list(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        #[oai(example = "id::example")]
        id: Path<String>,
        /// Maximum number of keys to return.
        #[oai(
            default = "page_size",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u32>,
        /// Cursor of the page to return: the `next_cursor` of the previous page.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<String>>,
    ) -> Result<Json<AccessKeyList>, Failure<ListKeys>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let after = KEYS.read(cursor.0.as_deref())?;
        let (id, limit) = (account_id(&id), u64::from(limit.0));
        let page = self.services.keys.list(&caller, id, after, limit).await?;
        Ok(Json(AccessKeyList {
            items: page.items.into_iter().map(AccessKeyDetails::from).collect(),
            next_cursor: page.next.map(|id| KEYS.write(id)),
        }))
    }

    /// Create an access key
    ///
    /// The new key may read the token and the account, and nothing else. Only this response contains it. It expires no
    /// later than the key that asks for it, and its limits on networks and uses are at least as strict. Needs the admin
    /// key or the key that came with a link code of the account.
    #[oai(
        path = "/accounts/:id/keys",
        method = "post",
        operation_id = "create_access_key"
    )]
    async fn create(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        #[oai(example = "id::example")]
        id: Path<String>,
        body: JsonBody<NewAccessKey>,
    ) -> Result<Created, Failure<CreateKey>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let JsonBody(asked) = body;
        let request = asked.read()?;
        let id = account_id(&id);
        let key = self
            .services
            .keys
            .create(&caller, id, request, bearer.address)
            .await?;
        Ok(Created::Created(Json(key.into())))
    }

    /// Delete an access key
    ///
    /// Also deletes the key's links; the account and its other keys stay. With `descendants=true`, the keys that this
    /// key has made are deleted too: use it if the key has leaked. Within 24 hours after a link of this key completed,
    /// those keys are always deleted, because the person may still say "This was not me". Needs the admin key or the
    /// key that came with a link code of the account; that key may delete itself.
    #[oai(
        path = "/accounts/:id/keys/:key_id",
        method = "delete",
        operation_id = "delete_access_key"
    )]
    async fn delete(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        #[oai(example = "id::example")]
        id: Path<String>,
        /// The id of the key.
        #[oai(example = "example_key")]
        key_id: Path<String>,
        /// Whether the keys that this key has made are deleted too.
        #[oai(default)]
        descendants: Query<Flag>,
    ) -> Result<Deleted, Failure<DeleteKey>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let (id, key) = (account_id(&id), self::key_id(&key_id));
        let with = match descendants.0 {
            Flag(true) => Descendants::Deleted,
            Flag(false) => Descendants::Kept,
        };
        let address = bearer.address;
        let deleted = self.services.keys.delete(&caller, id, key, with, address);
        deleted.await?;
        Ok(Deleted::Deleted)
    }
}

/// Parses a key id from a path.
pub(crate) fn key_id(text: &str) -> AccessKeyId {
    id::read(text, AccessKeyId(-1))
}

fn example_key() -> String {
    "7".to_owned()
}

documented!(
    ListKeys,
    [BAD_PAGE, ENROLMENT_ONLY, OWNERS_ONLY, NO_SUCH_ACCOUNT]
);

documented!(CreateKey, [
    "the body is missing or not JSON" => no_body(),
    "`expires_at` is not a time" => NewAccessKey::bad_expiry(),
    ENROLMENT_ONLY,
    OWNERS_ONLY,
    AUDITORS_ONLY_READ,
    NO_SUCH_ACCOUNT,
    NOT_JSON,
    "an unknown field, a wrong type or no name" =>
        rejected::<NewAccessKey>(r#"{"expires_at": "2036-06-02T12:00:00Z"}"#),
    "a name that is empty, too long or cannot be shown" => unprocessable("name is empty"),
    "an `expires_at` in the past" => unprocessable("expires_at is in the past"),
    "an invalid network" => NewAccessKey::bad_network(),
    "an `expires_at` later than the expiry of the requesting key" => Refusal::from(OutlivesMaker),
    "the account has as many keys as it may have" =>
        unprocessable("the account has 100 keys already"),
]);

documented!(DeleteKey, [
    "`descendants` is not `true` or `false`" => {
        let reason = r#"failed to parse "boolean": provided string was not `true` or `false`"#;
        Problem::bad_parameter("descendants", reason)
    },
    ENROLMENT_ONLY,
    OWNERS_ONLY,
    AUDITORS_ONLY_READ,
    NO_SUCH_ACCOUNT,
    "the account has no such key" => refusals::NO_SUCH_KEY,
]);
