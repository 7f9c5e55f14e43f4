//! Access keys: what a client shows to get its account's token.

use super::AccountId;
use crate::link::Link;
use crate::time::Timestamp;

/// The store's number of an access key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccessKeyId(pub i64);

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
