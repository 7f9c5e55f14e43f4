//! Access keys: a client sends one to get its account's token.

use super::{AccountId, AccountKey, KeyLimits, KeyMaker};
use crate::link::Link;
use crate::number::number;
use crate::observe::words;
use crate::secret::KeyedHash;
use crate::time::Timestamp;

number! {
    /// The store's number of an access key; a string on the wire.
    AccessKeyId
}

words! {
    /// What a key may do.
    KeyRole {
        /// A key handed out with a link code: it may do everything with its account.
        Owner => "owner",
        /// A key made for an account later: it may read the token and the account.
        Reader => "reader",
    }
}

/// What a key gives access to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyBinding {
    /// A linked account.
    Account {
        /// The store's number of the account.
        id: AccountId,
        /// The person whose account this is.
        person: AccountKey,
    },
    /// Nothing yet: its link has not been completed.
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

/// A presented key, as the store knows it. [`RowMacs`] tells whether the service has written its row.
///
/// [`RowMacs`]: crate::vault::RowMacs
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The store's number.
    pub id: AccessKeyId,
    /// The hash by which it is looked up.
    pub hash: KeyedHash,
    /// What it may do.
    pub role: KeyRole,
    /// When it expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// Who made it; `None` for a key from before makers were recorded.
    pub maker: Option<KeyMaker>,
    /// Its other limits.
    pub limits: KeyLimits,
    /// What it gives access to.
    pub binding: KeyBinding,
    /// The MAC of all this; `None` for a key that is older than MACs.
    pub mac: Option<KeyedHash>,
}

/// A key as the owner of its account sees it: without the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The store's number.
    pub id: AccessKeyId,
    /// What it may do.
    pub role: KeyRole,
    /// Its name: given when it was created, or taken from the client that requested the link.
    pub name: Option<String>,
    /// Who made it; `None` for a key from before makers were recorded.
    pub maker: Option<KeyMaker>,
    /// Its other limits.
    pub limits: KeyLimits,
    /// When it was handed out.
    pub created_at: Timestamp,
    /// When it expires, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl KeyRecord {
    /// Whether deleting `key` and its descendants deletes this key. A created key is a reader and cannot create keys
    /// itself.
    pub fn is_deleted_with(&self, key: AccessKeyId) -> bool {
        self.id == key || self.maker == Some(KeyMaker::Key(key))
    }
}

/// An additional key of an account. Its role is [`KeyRole::Reader`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The account that it opens.
    pub account: AccountId,
    /// Its hash.
    pub hash: KeyedHash,
    /// Its name.
    pub name: String,
    /// Who creates it.
    pub maker: KeyMaker,
    /// Its limits.
    pub limits: KeyLimits,
    /// When it is created.
    pub created_at: Timestamp,
    /// When it expires, if ever.
    pub expires_at: Option<Timestamp>,
}

impl NewKey {
    /// Returns the key that a store keeps under this number, without its MAC.
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
    /// When it expires, if ever.
    pub expires_at: Option<Timestamp>,
}

impl InertKey {
    /// Returns a key that may do everything and does not expire.
    pub const fn owner(hash: KeyedHash) -> Self {
        Self {
            hash,
            role: KeyRole::Owner,
            expires_at: None,
        }
    }

    /// Returns the key that a store keeps with its link, without its MAC.
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
