//! The result of a consent: an account, its tokens, and its access keys.

mod account;
mod extra;
mod filter;
mod key;
mod key_limits;
mod lease;
mod lifetime;
mod origin;
pub mod refresh;
pub mod revocation;
mod tokens;
mod transitions;

pub use account::{Account, AccountId, AccountKey, AccountStatus, Identity, ProviderName};
pub use extra::{Extra, ListedMembers};
pub use filter::{AccountFilter, StatusAsOf};
pub use key::{AccessKeyId, InertKey, KeyBinding, KeyHolder, KeyRecord, KeyRole, NewKey};
pub use key_limits::{KeyLimits, KeyMaker, OutlivesMaker, expiry_under};
pub use lease::{Lease, LeaseVersion};
pub use lifetime::{AccessTokenExpiry, LifetimeHints, StatedLifetime};
pub use origin::{OtherServer, TokenOrigin};
pub use tokens::{Generation, NewGrant, RefreshedTokens, StoredTokens, TokenGrant};
