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

/// A request for an access key.
#[derive(Object, Deserialize)]
#[oai(skip_serializing_if_is_none, example)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccessKey {
    /// The purpose of the key, in at most 100 characters.
    name: String,
    /// When the key expires; must be in the future. A key without an expiry works until it is deleted.
    #[oai(nullable)]
    expires_at: Option<TimeText>,
}

/// What a key may do with its account. `owner`, the key that came with a link code: everything. `reader`, a key created
/// later: read the token and the account.
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "snake_case")]
pub(crate) enum AccessKeyRole {
    Owner,
    Reader,
}

/// An access key without its secret.
#[derive(Object)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct AccessKeyDetails {
    /// The id of the key.
    id: String,
    /// The purpose of the key, or the name of the client that asked for the link code. Absent if it gave none.
    name: Option<String>,
    role: AccessKeyRole,
    /// When the key was created.
    created_at: OffsetDateTime,
    /// When the key expires. Absent if it works until it is deleted.
    expires_at: Option<OffsetDateTime>,
    /// When the key was last used, if ever.
    last_used_at: Option<OffsetDateTime>,
}

/// One page of an account's access keys.
#[derive(Object)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct AccessKeyList {
    /// The keys of this page, the oldest first.
    pub(crate) items: Vec<AccessKeyDetails>,
    /// Send this as `cursor` to get the next page. Absent on the last page.
    pub(crate) next_cursor: Option<String>,
}

/// A new access key.
#[derive(Object)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct CreatedAccessKey {
    /// The id of the key.
    id: String,
    /// The purpose of the key.
    name: String,
    /// The key. Only this response contains it.
    access_key: String,
    /// When the key was created.
    created_at: OffsetDateTime,
    /// When the key expires. Absent if it works until it is deleted.
    expires_at: Option<OffsetDateTime>,
}

impl NewAccessKey {
    /// Converts to the broker's type.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`](crate::error::Code::InvalidRequest) if `expires_at` is not a time.
    pub(crate) fn read(self) -> Result<KeyRequest, Problem> {
        let expires_at = self.expires_at.map(|text| text.read("expires_at"));
        Ok(KeyRequest {
            name: self.name,
            expires_at: expires_at.transpose()?,
        })
    }
}

impl NewAccessKey {
    /// The problem of an `expires_at` that is not a time.
    pub(crate) fn bad_expiry() -> Problem {
        TimeText::malformed("expires_at")
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

impl Example for AccessKeyList {
    fn example() -> Self {
        Self {
            items: vec![AccessKeyDetails::example()],
            next_cursor: None,
        }
    }
}
