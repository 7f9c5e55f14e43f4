//! The `TokenStore` port, with one trait per subject.

mod accounts;
mod admin_sessions;
mod audit;
mod census;
mod clock_steps;
mod grant_ends;
mod guesses;
mod keys;
mod links;
mod outages;
mod reads;
mod refreshes;
mod replicas;
mod revocations;
mod seals;
mod webhooks;
mod workloads;
mod write_tests;

use std::error::Error;

use crate::grant::OtherServer;
use crate::link::TransitionError;
use crate::vault::AlteredKey;

pub use accounts::AccountStore;
pub use admin_sessions::AdminSessionStore;
pub use audit::{AuditStore, Chained};
pub use census::{AccountCount, Census, CensusStore, ExpiringCount, OverdueCount};
pub use clock_steps::ClockStepStore;
pub use grant_ends::GrantEndStore;
pub use guesses::GuessStore;
pub use keys::{Descendants, KeyCreation, KeyStore};
pub use links::{LinkCreation, LinkStore, NewLink, NewLinkKey};
pub use outages::OutageStore;
pub use reads::{OpenedGrant, OpenedKey, ReadStore, RowVersion};
pub use refreshes::{RecordedRefresh, RefreshStore};
pub use replicas::ReplicaStore;
pub use revocations::RevocationStore;
pub use seals::{
    DamagedRow, OwnerKind, Resealing, SealStore, SealedRow, SealedTo, SealedValue, SecretKind,
};
pub use webhooks::WebhookStore;
pub use workloads::{LinkingWorkload, SingleUse, WorkloadStore};
pub use write_tests::WriteTestStore;

/// Stores links, accounts, tokens, keys and pending revocations. Each method is one transaction, and `Ok` means that
/// the change is durable. Secrets are passed to the store only encrypted or hashed, so that no plaintext can be stored
/// by mistake.
///
/// An adapter implements the seventeen traits and then this trait, which has no methods.
pub trait TokenStore:
    LinkStore
    + GuessStore
    + AccountStore
    + RefreshStore
    + KeyStore
    + ReadStore
    + RevocationStore
    + SealStore
    + ReplicaStore
    + ClockStepStore
    + OutageStore
    + WriteTestStore
    + WorkloadStore
    + AuditStore
    + AdminSessionStore
    + WebhookStore
    + GrantEndStore
{
}

/// Why a store operation failed. The `source` of the error is written to the log only.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row was changed or deleted since it was read.
    #[error("the row has changed since it was read")]
    Conflict,
    /// The stored data is invalid.
    #[error("the stored data is invalid")]
    Corrupt(#[source] Box<dyn Error + Send + Sync>),
    /// A row was changed by somebody without the secret key.
    #[error(transparent)]
    Altered(#[from] AlteredKey),
    /// The account was linked at another server.
    #[error(transparent)]
    OtherServer(#[from] OtherServer),
    /// The store is unreachable, or does not respond in time.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The row is locked, or all connections are in use. A retry will probably succeed soon.
    #[error("the row is locked, or all connections are in use")]
    Busy(#[source] Box<dyn Error + Send + Sync>),
}

impl From<TransitionError> for StoreError {
    /// A rejected transition means that the link has changed since the caller read it.
    fn from(_: TransitionError) -> Self {
        Self::Conflict
    }
}
