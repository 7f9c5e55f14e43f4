//! The TokenStore port.

use std::error::Error;

use async_trait::async_trait;

use crate::grant::refresh::RefreshFailure;
use crate::grant::{
    AccessKeyId, Account, AccountId, KeyHolder, NewGrant, ProviderName, RefreshedTokens,
    StoredTokens,
};
use crate::link::{Ending, Link, LinkId, PollSchedule, Requester, SealedConsent, SealedGrant};
use crate::secret::{KeyedHash, Sealed};
use crate::time::Timestamp;

/// Keeps links, accounts, tokens and keys. One method is one intent and one transaction; what a method returns `Ok`
/// for is durable. The store takes only sealed and hashed values, so no plaintext can be persisted by mistake.
///
/// Methods that take a `version` change the link only if it is still at that version and raise it; otherwise they
/// change nothing and return [`StoreError::Conflict`].
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// The sealed hash key, if the store has one.
    ///
    /// # Errors
    /// See [`StoreError`]; this holds for every method.
    async fn hash_key(&self) -> Result<Option<Sealed>, StoreError>;

    /// Keeps `candidate` as the hash key unless there is one already; returns the one that is kept.
    async fn init_hash_key(&self, candidate: Sealed) -> Result<Sealed, StoreError>;

    /// Keeps a new link and, unless it relinks, its inert key.
    async fn create_link(&self, link: NewLink, most_open: u64) -> Result<LinkCreation, StoreError>;

    /// The link with this code.
    async fn find_link(&self, code: &KeyedHash) -> Result<Option<Link>, StoreError>;

    /// Gives a pending, unexpired link to a browser, unless another one has it ([`StoreError::Conflict`]).
    async fn reserve_link(
        &self,
        link: LinkId,
        browser: KeyedHash,
        now: Timestamp,
    ) -> Result<Link, StoreError>;

    /// Turns a pending, unexpired link into an authorizing one, with a new deadline and the first poll.
    async fn begin_consent(
        &self,
        link: LinkId,
        version: i64,
        consent: SealedConsent,
        poll: Option<PollSchedule>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Link, StoreError>;

    /// Leases up to `limit` links whose poll is due at `now` and which nobody holds a lease of, the longest due first;
    /// those at the providers in `busy` are left alone. Claiming raises a link's version, so whoever held an older lease can record nothing any more.
    async fn claim_due_polls(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<Link>, StoreError>;

    /// When the next poll is due at a provider that is not `busy`, leases counted in.
    async fn next_poll_at(&self, busy: &[ProviderName]) -> Result<Option<Timestamp>, StoreError>;

    /// Ends a lease with nothing decided: the provider is asked again later.
    async fn postpone_poll(
        &self,
        link: LinkId,
        version: i64,
        poll: PollSchedule,
    ) -> Result<(), StoreError>;

    /// Turns an authorizing link into a redeemed one: the device code is forgotten, the tokens are kept, the lease
    /// stays with the caller. The link lives until `expires_at` at least.
    async fn keep_redeemed(
        &self,
        link: LinkId,
        version: i64,
        grant: SealedGrant,
        poll: PollSchedule,
        expires_at: Timestamp,
    ) -> Result<Link, StoreError>;

    /// Completes a link: creates the account or brings it back to life, replaces its tokens, opens it to the link's
    /// key, and wipes what the link held. See [`NewGrant::refresh_token`] for what happens without one.
    async fn complete_link(
        &self,
        link: LinkId,
        version: i64,
        grant: NewGrant,
        now: Timestamp,
    ) -> Result<Account, StoreError>;

    /// Ends a link without an account and wipes what it held.
    async fn end_link(
        &self,
        link: LinkId,
        version: i64,
        ending: Ending,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The key with this hash and what it opens, whether or not it has expired.
    async fn find_key(&self, key: &KeyedHash) -> Result<Option<KeyHolder>, StoreError>;

    /// An account.
    async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError>;

    /// Up to `limit` accounts in the order of their numbers, those after `after` only.
    async fn accounts(
        &self,
        after: Option<AccountId>,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError>;

    /// An account with its tokens.
    async fn tokens(&self, id: AccountId) -> Result<Option<StoredTokens>, StoreError>;

    /// Leases up to `limit` accounts whose refresh is due at `now` and which nobody holds a lease of, the longest due
    /// first; those at the providers in `busy` are left alone. Claiming raises the lease's version. A claim that takes
    /// over a lease which nobody recorded anything under marks the attempts as ambiguous: whoever held it may have
    /// presented the refresh token before it died.
    async fn claim_due_refreshes(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<StoredTokens>, StoreError>;

    /// Leases one account, due or not, if its lease still has the version that the caller saw and nobody holds it
    /// ([`StoreError::Conflict`] otherwise, and without a refresh token). A refresh that was planned is due from now
    /// on, so that one that is cut short goes on as soon as the lease lapses.
    async fn claim_refresh(
        &self,
        account: AccountId,
        lease_version: i64,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<StoredTokens, StoreError>;

    /// When the next refresh is due at a provider that is not `busy`, leases counted in.
    async fn next_refresh_at(&self, busy: &[ProviderName])
    -> Result<Option<Timestamp>, StoreError>;

    /// Gives a lease back with nothing sent. Without effect if it is somebody else's by now.
    async fn release_refresh(
        &self,
        account: AccountId,
        lease_version: i64,
    ) -> Result<(), StoreError>;

    /// Keeps the tokens that presenting the refresh token of a generation brought. The generation alone decides,
    /// whoever holds the lease: if it is still the stored one, they replace what is stored, the generation grows, and
    /// the account is well again, whatever was wrong before. If it has moved on, a new refresh token among them is kept
    /// as the spare; but if the grant has been given up meanwhile, they replace what is stored all the same. Recording
    /// the same tokens again changes nothing. [`StoreError::Conflict`] when the account is gone.
    async fn record_refresh(
        &self,
        account: AccountId,
        generation: i64,
        tokens: RefreshedTokens,
        now: Timestamp,
    ) -> Result<Recorded, StoreError>;

    /// Keeps what a failure means and ends the lease, if generation and lease are still those of the claim; otherwise
    /// the failure is of no interest any more. Returns whether it was kept.
    async fn record_refresh_failure(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
        failure: RefreshFailure,
    ) -> Result<bool, StoreError>;

    /// Puts the spare refresh token in the place of the stored one, which is dead; the generation grows and the lease
    /// stays with the caller. `None` without a spare, or when generation or lease have moved on.
    async fn promote_spare(
        &self,
        account: AccountId,
        generation: i64,
        lease_version: i64,
    ) -> Result<Option<StoredTokens>, StoreError>;

    /// Deletes up to `limit` links that ended before `ended_before`, and those of their keys that never opened
    /// anything. A link that ran out of time ended at its deadline. Returns how many links went.
    async fn purge_links(&self, ended_before: Timestamp, limit: u64) -> Result<u64, StoreError>;
}

/// What became of refreshed tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// They are the stored ones now.
    Stored,
    /// Others had come first.
    Superseded,
}

/// A link to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// The keyed hash of its code.
    pub code: KeyedHash,
    /// The provider.
    pub provider: ProviderName,
    /// Who asks.
    pub requester: Requester,
    /// The key that will open the account.
    pub key: NewLinkKey,
    /// Now.
    pub created_at: Timestamp,
    /// When it dies if nobody confirms it.
    pub expires_at: Timestamp,
}

/// The key of a new link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewLinkKey {
    /// A new key, inert until the link is complete.
    New(KeyedHash),
    /// A key of the account that is to be linked again.
    Relink {
        /// The key.
        key: AccessKeyId,
        /// Its account.
        account: AccountId,
    },
}

/// What became of a new link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkCreation {
    /// It is kept.
    Created(Box<Link>),
    /// Another link holds that code: try another.
    CodeTaken,
    /// So many links are open that codes could be guessed.
    OverCapacity,
}

/// Why a store did not do what it was asked. The cause is for the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row has changed or gone since it was read.
    #[error("the row has changed since it was read")]
    Conflict,
    /// What is stored cannot be understood.
    #[error("what is stored cannot be understood")]
    Corrupt(#[source] Box<dyn Error + Send + Sync>),
    /// The store cannot be reached, or not in time.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}
