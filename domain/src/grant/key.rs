//! Access keys: what a client shows to get its account's token.

use std::fmt;
use std::str::FromStr;

use super::AccountId;
use crate::link::Link;
use crate::secret::KeyedHash;
use crate::time::Timestamp;

/// The store's number of an access key; a string on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessKeyId(pub i64);

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AccessKeyId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    /// A key handed out with a link code: everything that concerns its account.
    Owner,
    /// A key made for an account later: its token and its metadata.
    Reader,
}

/// What a key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyBinding {
    /// A linked account.
    Account(AccountId),
    /// Nothing yet: its link has not been completed.
    Link(Box<Link>),
}

/// A key that somebody showed, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The store's number.
    pub id: AccessKeyId,
    /// What it may do.
    pub role: KeyRole,
    /// When it stops working, if ever.
    pub expires_at: Option<Timestamp>,
    /// What it opens.
    pub binding: KeyBinding,
}

/// A key as its account's owner sees it: without the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The store's number.
    pub id: AccessKeyId,
    /// What it may do.
    pub role: KeyRole,
    /// Its name: given when it was created, or taken from the client that requested the link.
    pub name: Option<String>,
    /// When it was handed out.
    pub created_at: Timestamp,
    /// When it stops working, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was last shown, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// A further key of an account. Its role is [`KeyRole::Reader`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The account that it opens.
    pub account: AccountId,
    /// Its hash.
    pub hash: KeyedHash,
    /// What it is called.
    pub name: String,
    /// Now.
    pub created_at: Timestamp,
    /// When it stops working, if ever.
    pub expires_at: Option<Timestamp>,
}
