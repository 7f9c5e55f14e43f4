//! What a consent leaves behind: an account, its tokens, and the keys that open it.

mod account;
mod key;
pub mod refresh;
mod tokens;

pub use account::{Account, AccountId, AccountKey, AccountStatus, Identity, ProviderName};
pub use key::{AccessKeyId, KeyBinding, KeyHolder, KeyRole};
pub use tokens::{Lease, NewGrant, RefreshedTokens, StoredTokens, TokenGrant, TokenOrigin};
