//! The rules of Central OAuth, without I/O.
//!
//! # The map
//!
//! | module | what it decides |
//! | --- | --- |
//! | [`admin_session`] | how long an operator stays logged in |
//! | [`audit`] | entries of the audit log, and how changes of the log are detected |
//! | [`clock_step`] | how far ahead a stored time may be |
//! | [`link`] | link codes, the states of a link, limits of guesses |
//! | [`grant`] | accounts, their tokens and access keys; when tokens are refreshed and revoked; what a failure means |
//! | [`operator`] | what the keys of operators may do |
//! | [`replica`] | processes that share one store |
//! | [`text`] | which characters of untrusted text are shown |
//! | [`secret`] | the values that must never be printed, and their sealed and hashed forms |
//! | [`vault`] | how secrets are sealed, decrypted and hashed |
//! | [`webhook`] | which events are sent to receivers, and when a delivery is retried |
//! | [`workload`] | what a workload's JWT must contain, and what the workload may do |
//! | [`lock`] | locks mutexes |
//! | [`ports`] | interfaces to the outside, such as [`TokenStore`], [`Cipher`], [`OAuthProvider`] and [`Clock`] |
//! | [`observe`] | events for metrics: [`Observer`] |
//! | [`usecases`] | the use cases: one service each, held by [`Services`] |
//!
//! # Adding an adapter
//!
//! *A store*: in a crate below `adapters/`, implement the seventeen traits of which [`TokenStore`] consists, with one
//! transaction for each method. Then implement [`TokenStore`] itself, and run `central_oauth_contract::token_store`
//! against the store. *A provider*: implement [`OAuthProvider`] without retries, because this crate decides about
//! intervals, deadlines and retries. *A cipher*: implement [`Cipher`] and run `central_oauth_contract::cipher`.
//! `docs/ARCHITECTURE.md` lists the other necessary changes.
//!
//! [`TokenStore`]: ports::TokenStore
//! [`Cipher`]: ports::Cipher
//! [`OAuthProvider`]: ports::OAuthProvider
//! [`Clock`]: ports::Clock
//! [`Observer`]: observe::Observer
//! [`Services`]: usecases::Services

pub mod admin_session;
pub mod audit;
pub mod causes;
pub mod cidr;
pub mod clock_step;
pub mod entropy;
pub mod fault;
pub mod grant;
mod hex;
mod key_checksum;
mod labels;
pub mod link;
pub mod lock;
mod number;
pub mod observe;
pub mod operator;
pub mod ports;
mod rate_limit;
pub mod replica;
pub mod secret;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod time;
pub mod usecases;
pub mod vault;
pub mod webhook;
pub mod workload;

pub use fault::{Fault, FaultCode};
pub use labels::{BadLabel, Label, Labels};
pub use time::Timestamp;
