use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{
    AccessKeyId, AccountId, AccountKey, KeyBinding, KeyHolder, KeyLimits, KeyMaker, KeyRecord,
    ProviderName,
};
use sea_orm::ActiveValue::{NotSet, Set};

use super::scalars::{hash, hash_bytes, time};
use crate::entities::access_keys::{ActiveModel, Model};
use crate::entities::accounts;
use crate::error::Unreadable;

pub(crate) fn key_holder(key: &Model, binding: KeyBinding) -> Result<KeyHolder, Unreadable> {
    let unreadable = |column| unreadable(key.id, column);
    let mac = |bytes: &Vec<u8>| hash(bytes).ok_or_else(|| unreadable("mac"));
    Ok(KeyHolder {
        id: AccessKeyId(key.id),
        hash: hash(&key.hash).ok_or_else(|| unreadable("hash"))?,
        role: key.role.into(),
        expires_at: time(key.expires_at),
        maker: maker(key)?,
        limits: limits(key)?,
        binding,
        mac: key.mac.as_ref().map(mac).transpose()?,
    })
}

pub(crate) fn to_account(owner: accounts::Person) -> KeyBinding {
    KeyBinding::Account {
        id: AccountId(owner.id),
        person: AccountKey {
            provider: ProviderName::new(owner.provider),
            account_id: owner.account_id,
        },
    }
}

pub(crate) fn key_record(key: Model) -> Result<KeyRecord, Unreadable> {
    Ok(KeyRecord {
        id: AccessKeyId(key.id),
        role: key.role.into(),
        maker: maker(&key)?,
        limits: limits(&key)?,
        name: key.name,
        created_at: Timestamp::from_millis(key.created_at),
        expires_at: time(key.expires_at),
        last_used_at: time(key.last_used_at),
    })
}

/// Returns a new row without an id. The database assigns the id, and the MAC is computed afterwards, because it covers
/// the id.
pub(crate) fn key_row(key: &KeyHolder, name: Option<String>, created_at: Timestamp) -> ActiveModel {
    let networks = key.limits.networks_text();
    ActiveModel {
        id: NotSet,
        hash: Set(hash_bytes(&key.hash)),
        role: Set(key.role.into()),
        name: Set(name),
        account_id: Set(key.binding.account().map(|account| account.0)),
        expires_at: Set(key.expires_at.map(Timestamp::as_millis)),
        created_at: Set(created_at.as_millis()),
        last_used_at: Set(None),
        mac: Set(key.mac.as_ref().map(hash_bytes)),
        created_by: Set(key.maker.map(|maker| maker.to_string())),
        networks: Set((!networks.is_empty()).then_some(networks)),
        uses_per_minute: Set(key.limits.uses_per_minute.map(i64::from)),
    }
}

fn maker(key: &Model) -> Result<Option<KeyMaker>, Unreadable> {
    let maker = key.created_by.as_deref().map(str::parse);
    maker
        .transpose()
        .map_err(|_| unreadable(key.id, "created_by"))
}

fn limits(key: &Model) -> Result<KeyLimits, Unreadable> {
    let networks = KeyLimits::read_networks(key.networks.as_deref().unwrap_or_default());
    let uses = key.uses_per_minute.map(u32::try_from).transpose();
    Ok(KeyLimits {
        networks: networks.map_err(|_| unreadable(key.id, "networks"))?,
        uses_per_minute: uses.map_err(|_| unreadable(key.id, "uses_per_minute"))?,
    })
}

const fn unreadable(id: i64, column: &'static str) -> Unreadable {
    let table = "access_keys";
    Unreadable { table, id, column }
}
