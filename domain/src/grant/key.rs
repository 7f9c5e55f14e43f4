//! Access keys. Clients send them as bearer tokens (RFC 6750) to get the access token of their account.

use super::{AccountId, AccountKey, KeyLimits, KeyMaker};
use crate::link::Link;
use crate::number::number;
use crate::observe::words;
use crate::secret::KeyedHash;
use crate::time::Timestamp;
use crate::workload::NewWorkload;

number! {
    /// The store's number of an access key. The API returns it as a string.
    AccessKeyId
}

words! {
    /// What a key may do.
    KeyRole {
        /// The key may do everything with the account. This is the default role of a key that is created with a link.
        Owner => "owner",
        /// The key may only read the token and the account. Keys that are created later for a linked account have this
        /// role.
        Reader => "reader",
    }
}

/// What an access key gives access to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyBinding {
    /// A linked account.
    Account {
        /// The store's number of the account.
        id: AccountId,
        /// The person whose account this is.
        person: AccountKey,
    },
    /// Nothing yet: the link of the key is not complete.
    Link(Box<Link>),
}

impl KeyBinding {
    /// Returns the account to which the key gives access, if there is one.
    pub const fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account { id, .. } => Some(*id),
            Self::Link(_) => None,
        }
    }
}

/// The stored row of a caller's key. [`RowMacs`] checks that this service wrote the row.
///
/// [`RowMacs`]: crate::vault::RowMacs
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The store's number.
    pub id: AccessKeyId,
    /// The hash by which the key is looked up.
    pub hash: KeyedHash,
    /// What the key may do.
    pub role: KeyRole,
    /// When the key expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// Who created the key; `None` for a key from before creators were recorded.
    pub maker: Option<KeyMaker>,
    /// What else limits the use of the key.
    pub limits: KeyLimits,
    /// What the key gives access to.
    pub binding: KeyBinding,
    /// The MAC over all other fields; `None` for a key from before MACs were introduced.
    pub mac: Option<KeyedHash>,
}

/// A key without its secret, as listed for the owner of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The store's number.
    pub id: AccessKeyId,
    /// What the key may do.
    pub role: KeyRole,
    /// Its name: from the request that created it, or from the client that requested the link.
    pub name: Option<String>,
    /// Who created the key; `None` for a key from before creators were recorded.
    pub maker: Option<KeyMaker>,
    /// What else limits the use of the key.
    pub limits: KeyLimits,
    /// When the key was created.
    pub created_at: Timestamp,
    /// When the key expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// When the key was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl KeyRecord {
    /// Whether deleting `key` and its descendants deletes this key. Only keys that `key` has created are its
    /// descendants, because they are readers, and readers cannot create keys.
    pub fn is_deleted_with(&self, key: AccessKeyId) -> bool {
        self.id == key || self.maker == Some(KeyMaker::Key(key))
    }
}

/// A key to be created for an existing account. Its role is [`KeyRole::Reader`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The account that the key gives access to.
    pub account: AccountId,
    /// Its hash.
    pub hash: KeyedHash,
    /// The name for the key.
    pub name: String,
    /// Who creates the key.
    pub maker: KeyMaker,
    /// Its limits.
    pub limits: KeyLimits,
    /// When the key is created.
    pub created_at: Timestamp,
    /// When the key expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// The workload that uses the key; `None` for a key whose secret is given to the requester.
    pub workload: Option<NewWorkload>,
}

impl NewKey {
    /// Returns the row that a store saves for this key under `id`, without its MAC.
    pub fn holder(&self, id: AccessKeyId, person: AccountKey) -> KeyHolder {
        KeyHolder {
            id,
            hash: self.hash,
            role: KeyRole::Reader,
            expires_at: self.expires_at,
            maker: Some(self.maker),
            limits: self.limits.clone(),
            binding: KeyBinding::Account {
                id: self.account,
                person,
            },
            mac: None,
        }
    }
}

/// The key of a new link. It gives no access until the link is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InertKey {
    /// Its hash.
    pub hash: KeyedHash,
    /// Its role once the link is complete.
    pub role: KeyRole,
    /// When the key expires, if ever.
    pub expires_at: Option<Timestamp>,
}

impl InertKey {
    /// Creates a key with the role [`KeyRole::Owner`] that does not expire.
    pub const fn owner(hash: KeyedHash) -> Self {
        Self {
            hash,
            role: KeyRole::Owner,
            expires_at: None,
        }
    }

    /// Returns the row that a store saves for this key with its link, without its MAC.
    pub fn holder(self, link: &Link) -> KeyHolder {
        KeyHolder {
            id: link.key,
            hash: self.hash,
            role: self.role,
            expires_at: self.expires_at,
            maker: Some(KeyMaker::Link),
            limits: KeyLimits::default(),
            binding: KeyBinding::Link(Box::new(link.clone())),
            mac: None,
        }
    }
}
