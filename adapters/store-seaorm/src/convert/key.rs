//! Access keys.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccessKeyId, KeyBinding, KeyHolder, KeyRecord};

use super::scalars::{role, time};
use crate::entities::access_keys::Model;

pub(crate) fn key_holder(key: &Model, binding: KeyBinding) -> KeyHolder {
    KeyHolder {
        id: AccessKeyId(key.id),
        role: role(key.role),
        expires_at: time(key.expires_at),
        binding,
    }
}

pub(crate) fn key_record(key: Model) -> KeyRecord {
    KeyRecord {
        id: AccessKeyId(key.id),
        role: role(key.role),
        name: key.name,
        created_at: Timestamp::from_millis(key.created_at),
        expires_at: time(key.expires_at),
        last_used_at: time(key.last_used_at),
    }
}
