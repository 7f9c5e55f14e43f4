//! Access keys of an account.

use std::sync::Arc;

use central_oauth_domain::grant::AccessKeyId;
use central_oauth_domain::ports::Descendants;
use central_oauth_domain::usecases::Services;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::accounts::account_id;
use super::cursor::{KEYS, page_size};
use super::{Tag, id};
use crate::auth::NeededBearer;
use crate::body::NeededJson;
use crate::dto::{AccessKeyDetails, AccessKeyList, CreatedAccessKey, NewAccessKey};
use crate::failure::{
    Answer, Documented, Failure, LINK_PENDING, NO_SUCH_ACCOUNT, NOT_JSON, OWNERS_ONLY,
    STORE_UNAVAILABLE, TOO_MANY_UNKNOWN_KEYS, UNAUTHORIZED,
};

pub(crate) struct Keys {
    services: Arc<Services>,
}

impl Keys {
    pub(super) const fn new(services: Arc<Services>) -> Self {
        Self { services }
    }
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
    /// All keys of the account, without their secrets. Needs the admin key or the key that came with a link code of the
    /// account.
    #[oai(
        path = "/accounts/:id/keys",
        method = "get",
        operation_id = "list_access_keys"
    )]
    async fn list(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        id: Path<String>,
        /// Maximum number of keys to return.
        #[oai(
            default = "page_size",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u32>,
        /// Cursor of the page to return: the `next_cursor` of the previous page.
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
    /// The new key may read the token and the account, and nothing else. Only this response contains it. It expires no later
    /// than the key that asks for it, and is limited to no more networks and uses. Needs the admin key or the key that came
    /// with a link code of the account.
    #[oai(
        path = "/accounts/:id/keys",
        method = "post",
        operation_id = "create_access_key"
    )]
    async fn create(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        id: Path<String>,
        body: NeededJson<NewAccessKey>,
    ) -> Result<Created, Failure<CreateKey>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let NeededJson(asked) = body;
        let request = asked.read()?;
        let id = account_id(&id);
        let key = self
            .services
            .keys
            .create(&caller, id, request, bearer.address())
            .await?;
        Ok(Created::Created(Json(key.into())))
    }

    /// Delete an access key
    ///
    /// Also deletes the key's links; the account and its other keys stay. With `descendants=true` the keys are deleted too that
    /// this key has made, and what those have made: do that if the key has leaked. Needs the admin key or the key that came
    /// with a link code of the account, which may delete itself.
    #[oai(
        path = "/accounts/:id/keys/:key_id",
        method = "delete",
        operation_id = "delete_access_key"
    )]
    async fn delete(
        &self,
        bearer: NeededBearer,
        /// The id of the account.
        id: Path<String>,
        /// The id of the key.
        key_id: Path<String>,
        /// Whether the keys that this key has made are deleted too.
        #[oai(default)]
        descendants: Query<bool>,
    ) -> Result<Deleted, Failure<DeleteKey>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let (id, key) = (account_id(&id), self::key_id(&key_id));
        let with = match descendants.0 {
            true => Descendants::Deleted,
            false => Descendants::Kept,
        };
        let address = bearer.address();
        let deleted = self.services.keys.delete(&caller, id, key, with, address);
        deleted.await?;
        Ok(Deleted::Deleted)
    }
}

/// Parses the key id of an address.
pub(crate) fn key_id(text: &str) -> AccessKeyId {
    id::read(text, AccessKeyId(-1))
}

struct ListKeys;

impl Documented for ListKeys {
    const PROBLEMS: &'static [Answer] = &[
        Answer(400, "`invalid_request`: the limit or the cursor is invalid"),
        UNAUTHORIZED,
        OWNERS_ONLY,
        NO_SUCH_ACCOUNT,
        LINK_PENDING,
        TOO_MANY_UNKNOWN_KEYS,
        STORE_UNAVAILABLE,
    ];
}

struct CreateKey;

impl Documented for CreateKey {
    const PROBLEMS: &'static [Answer] = &[
        Answer(
            400,
            "`invalid_request`: the body is missing or not JSON, or `expires_at` is not a time",
        ),
        UNAUTHORIZED,
        OWNERS_ONLY,
        NO_SUCH_ACCOUNT,
        LINK_PENDING,
        NOT_JSON,
        Answer(
            422,
            "`unprocessable`: an unknown field, a wrong type, a name that is missing or cannot be shown, an \
             `expires_at` that is over, a network that is none, more than the key that asks may do itself (`expires_at`, \
             `networks`, `max_uses_per_minute`), or an account that has as many keys as it may have",
        ),
        TOO_MANY_UNKNOWN_KEYS,
        STORE_UNAVAILABLE,
    ];
}

struct DeleteKey;

impl Documented for DeleteKey {
    const PROBLEMS: &'static [Answer] = &[
        Answer(
            400,
            "`invalid_request`: `descendants` is not `true` or `false`",
        ),
        UNAUTHORIZED,
        OWNERS_ONLY,
        Answer(
            404,
            "`not_found`: there is no such account for this key, or the account has no such key",
        ),
        LINK_PENDING,
        TOO_MANY_UNKNOWN_KEYS,
        STORE_UNAVAILABLE,
    ];
}
