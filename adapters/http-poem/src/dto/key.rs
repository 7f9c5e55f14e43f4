//! Access keys.

use central_oauth_domain::grant::{KeyRecord, KeyRole};
use central_oauth_domain::usecases::{HandedKey, KeyRequest};
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::Deserialize;
use time::OffsetDateTime;

use super::time_text::TimeText;
use super::{A_DECADE, example_time, utc};
use crate::error::Problem;

/// An access key that somebody wants.
#[derive(Object, Deserialize)]
#[oai(skip_serializing_if_is_none, example)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccessKey {
    /// What the key is for, in at most 100 characters.
    name: String,
    /// When the key is to stop working: a time to come. A key without one works until it is deleted.
    #[oai(nullable)]
    expires_at: Option<TimeText>,
}

/// What a key may do with its account: `owner`, the key that came with a link code, everything; `reader`, a key that
/// was made later, read the token and the account.
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "snake_case")]
pub(crate) enum AccessKeyRole {
    Owner,
    Reader,
}

/// An access key, without the key itself.
#[derive(Object)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct AccessKeyDetails {
    /// The id of the key.
    id: String,
    /// What the key is for, or the name of the client that asked for the link code. Left out when it gave none.
    name: Option<String>,
    role: AccessKeyRole,
    /// When the key was handed out.
    created_at: OffsetDateTime,
    /// When it stops working. Left out when it works until it is deleted.
    expires_at: Option<OffsetDateTime>,
    /// When it was last shown, if ever.
    last_used_at: Option<OffsetDateTime>,
}

/// One page of an account's access keys.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct AccessKeyList {
    /// The keys of this page, the oldest first.
    pub(crate) items: Vec<AccessKeyDetails>,
    /// What to ask for as `cursor` to get the next page. Left out on the last one.
    pub(crate) next_cursor: Option<String>,
}

/// A new access key.
#[derive(Object)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct CreatedAccessKey {
    /// The id of the key.
    id: String,
    /// What the key is for.
    name: String,
    /// The key. It is handed out only here.
    access_key: String,
    /// When it was handed out.
    created_at: OffsetDateTime,
    /// When it stops working. Left out when it works until it is deleted.
    expires_at: Option<OffsetDateTime>,
}

impl NewAccessKey {
    /// The request as the broker takes it.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`](crate::error::Code::InvalidRequest) for an `expires_at` that is no time.
    pub(crate) fn read(self) -> Result<KeyRequest, Problem> {
        let expires_at = self.expires_at.map(|text| text.read("expires_at"));
        Ok(KeyRequest {
            name: self.name,
            expires_at: expires_at.transpose()?,
        })
    }
}

impl From<KeyRole> for AccessKeyRole {
    fn from(role: KeyRole) -> Self {
        match role {
            KeyRole::Owner => Self::Owner,
            KeyRole::Reader => Self::Reader,
        }
    }
}

impl From<KeyRecord> for AccessKeyDetails {
    fn from(key: KeyRecord) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            role: key.role.into(),
            created_at: utc(key.created_at),
            expires_at: key.expires_at.map(utc),
            last_used_at: key.last_used_at.map(utc),
        }
    }
}

impl From<HandedKey> for CreatedAccessKey {
    fn from(key: HandedKey) -> Self {
        Self {
            id: key.record.id.to_string(),
            name: key.record.name.unwrap_or_default(),
            access_key: key.access_key.expose().to_owned(),
            created_at: utc(key.record.created_at),
            expires_at: key.record.expires_at.map(utc),
        }
    }
}

impl Example for NewAccessKey {
    fn example() -> Self {
        Self {
            name: "deployment on ci".to_owned(),
            expires_at: Some(TimeText::example()),
        }
    }
}

impl Example for AccessKeyDetails {
    fn example() -> Self {
        Self {
            id: "7".to_owned(),
            name: Some("deployment on ci".to_owned()),
            role: AccessKeyRole::Reader,
            created_at: example_time(0),
            expires_at: Some(example_time(A_DECADE)),
            last_used_at: Some(example_time(30)),
        }
    }
}

impl Example for CreatedAccessKey {
    fn example() -> Self {
        Self {
            id: "7".to_owned(),
            name: "deployment on ci".to_owned(),
            access_key: "coak_0123456789abcdefghjkmnpqrstvwxyz01234567".to_owned(),
            created_at: example_time(0),
            expires_at: Some(example_time(A_DECADE)),
        }
    }
}
