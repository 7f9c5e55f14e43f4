//! Access keys.

use central_oauth_domain::cidr::{Cidr, MalformedCidr};
use central_oauth_domain::grant::{KeyLimits, KeyRecord, KeyRole};
use central_oauth_domain::usecases::{HandedKey, KeyRequest};
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Deserialize;
use time::OffsetDateTime;

use super::time_text::TimeText;
use super::{A_DECADE, example_time, mirror, page, utc};
use crate::body::RequestObject;
use crate::error::{Code, Problem};

/// A request for an access key.
#[derive(Object, Deserialize)]
#[oai(skip_serializing_if_is_none, example)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccessKey {
    /// The purpose of the key, in at most 100 characters.
    #[oai(validator(min_length = 1, max_length = 100))]
    name: String,
    /// When the key expires; must be in the future. A key without an expiry works until it is deleted.
    #[oai(nullable)]
    expires_at: Option<TimeText>,
    /// The networks that the key may be used from, as CIDRs (`192.0.2.0/24`) or addresses; at most 20. Any network if
    /// the list is empty.
    #[oai(nullable, validator(max_items = 20, max_length = 49))]
    networks: Option<Vec<String>>,
    /// How often the key may be used in a minute, on each replica. This many uses may come at once; afterwards they are
    /// admitted at this rate. Unlimited if absent.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "100000")))]
    max_uses_per_minute: Option<u32>,
}

mirror! {
    /// What a key may do with its account. `owner`: everything. By default, the key that comes with a link code is an
    /// owner. `reader`: only read the token and the account. Every key that is created later is a reader.
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    AccessKeyRole of KeyRole { Owner, Reader }
}

/// An access key without its secret.
#[derive(Object)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct AccessKeyDetails {
    /// The id of the key.
    id: String,
    /// The purpose of the key, or the name of the client that asked for the link code. Absent if the client gave none.
    name: Option<String>,
    role: AccessKeyRole,
    /// When the key was created.
    created_at: OffsetDateTime,
    /// When the key expires. Absent if it works until it is deleted.
    expires_at: Option<OffsetDateTime>,
    /// When the key was last used, if ever.
    last_used_at: Option<OffsetDateTime>,
    /// Who made the key: `link` (it came with a link code), `operator`, or the id of another key of the account, which
    /// may be deleted by now. Absent for keys that were made before this was recorded.
    created_by: Option<String>,
    /// The networks that the key may be used from. Absent if it may be used from any network.
    networks: Option<Vec<String>>,
    /// How often the key may be used in a minute, on each replica. Absent if it is not limited.
    max_uses_per_minute: Option<u32>,
}

page! {
    /// One page of an account's access keys.
    AccessKeyList,
    /// The keys of this page, the oldest first.
    AccessKeyDetails
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
    /// The networks that the key may be used from. Absent if it may be used from any network.
    networks: Option<Vec<String>>,
    /// How often the key may be used in a minute, on each replica. Absent if it is not limited.
    max_uses_per_minute: Option<u32>,
}

impl RequestObject for NewAccessKey {}

impl NewAccessKey {
    /// Converts to the domain's type.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] if `expires_at` is not a time,
    /// [`Code::Unprocessable`] for an invalid network or a number out of range.
    pub(crate) fn read(self) -> Result<KeyRequest, Problem> {
        let expires_at = self.expires_at.map(|text| text.read("expires_at"));
        let networks = self.networks.unwrap_or_default();
        let networks = networks.iter().map(|text| network(text));
        let uses_per_minute = self.max_uses_per_minute;
        if uses_per_minute.is_some_and(|uses| !(1..=MOST_USES).contains(&uses)) {
            let detail = format!("max_uses_per_minute is not between 1 and {MOST_USES}");
            return Err(Problem::new(Code::Unprocessable, detail));
        }
        Ok(KeyRequest {
            name: self.name,
            expires_at: expires_at.transpose()?,
            limits: KeyLimits {
                networks: networks.collect::<Result<_, _>>()?,
                uses_per_minute,
            },
        })
    }

    /// Returns the problem of an `expires_at` that is not a time.
    pub(crate) fn bad_expiry() -> Problem {
        TimeText::malformed("expires_at")
    }

    /// Returns the problem of an invalid network.
    pub(crate) fn bad_network() -> Problem {
        malformed("192.0.2.0/33", MalformedCidr)
    }
}

/// Maximum of `max_uses_per_minute`, as in the schema. No program needs more.
const MOST_USES: u32 = 100_000;

fn network(text: &str) -> Result<Cidr, Problem> {
    text.parse().map_err(|error| malformed(text, error))
}

fn malformed(text: &str, error: MalformedCidr) -> Problem {
    let detail = format!("networks: {text:?} {error}");
    Problem::new(Code::Unprocessable, detail)
}

fn networks(limits: &KeyLimits) -> Option<Vec<String>> {
    let networks: Vec<_> = limits.networks.iter().map(Cidr::to_string).collect();
    (!networks.is_empty()).then_some(networks)
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
            created_by: key.maker.map(|maker| maker.to_string()),
            networks: networks(&key.limits),
            max_uses_per_minute: key.limits.uses_per_minute,
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
            networks: networks(&key.record.limits),
            max_uses_per_minute: key.record.limits.uses_per_minute,
        }
    }
}

impl Example for NewAccessKey {
    fn example() -> Self {
        Self {
            name: "deployment on ci".to_owned(),
            expires_at: Some(TimeText::example()),
            networks: Some(vec!["192.0.2.0/24".to_owned()]),
            max_uses_per_minute: Some(60),
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
            created_by: Some("3".to_owned()),
            networks: Some(vec!["192.0.2.0/24".to_owned()]),
            max_uses_per_minute: Some(60),
        }
    }
}

impl Example for CreatedAccessKey {
    fn example() -> Self {
        Self {
            id: "7".to_owned(),
            name: "deployment on ci".to_owned(),
            access_key: "coak_0123456789abcdefghjkmnpqrstvwxyz012345671238hhy".to_owned(),
            created_at: example_time(0),
            expires_at: Some(example_time(A_DECADE)),
            networks: Some(vec!["192.0.2.0/24".to_owned()]),
            max_uses_per_minute: Some(60),
        }
    }
}
