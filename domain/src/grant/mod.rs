//! What a consent leaves behind: an account, its tokens, and the keys that open it.

mod account;
mod key;
pub mod refresh;
pub mod revocation;
mod tokens;

pub use account::{Account, AccountId, AccountKey, AccountStatus, Identity, ProviderName};
pub use key::{AccessKeyId, KeyBinding, KeyHolder, KeyRecord, KeyRole, NewKey};
pub use tokens::{Lease, NewGrant, RefreshedTokens, StoredTokens, TokenGrant, TokenOrigin};
