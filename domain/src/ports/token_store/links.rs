use std::time::Duration;

use async_trait::async_trait;

use super::{LinkingWorkload, StoreError};
use crate::audit::AuditDraft;
use crate::grant::revocation::NewRevocation;
use crate::grant::{AccessKeyId, Account, AccountId, InertKey, NewGrant, ProviderName};
use crate::link::{
    CodeLimit, Confirmation, Ending, Link, LinkId, LinkState, LinkVersion, Owner, PollSchedule,
    Requester, ReturnCode, SealedConsent, SealedGrant,
};
use crate::secret::{KeyedHash, Sealed};
use crate::time::Timestamp;
use crate::vault::RowMacs;

/// Stores links, from their creation until they have an account or end without one.
///
/// Each method that takes a [`Link`] applies the transition in its documentation. It saves the result only if the
/// stored link still has the same version. Otherwise, or if the transition is rejected, it changes nothing and returns
/// [`StoreError::Conflict`].
#[async_trait]
pub trait LinkStore: Send + Sync {
    /// Stores a new link and, unless it is a relink, its inactive key with its MAC. If [`NewLink::network`] is set,
    /// [`CodeLimit::judge`] limits the link codes of that network, workload or account.
    async fn create_link(
        &self,
        link: NewLink,
        most_open: u64,
        limit: CodeLimit,
        macs: &RowMacs,
    ) -> Result<LinkCreation, StoreError>;

    /// Returns the link with this code.
    async fn find_link(&self, code: &KeyedHash) -> Result<Option<Link>, StoreError>;

    /// Assigns a link to a browser ([`Link::reserve`]). Returns how long to wait if too many consents are in progress
    /// ([`ConsentLimit::judge`]). This limit does not apply to the browser that already has the link.
    ///
    /// [`ConsentLimit::judge`]: crate::link::ConsentLimit::judge
    async fn reserve_link(
        &self,
        link: &Link,
        by: &Confirmation,
        now: Timestamp,
    ) -> Result<Result<Link, Duration>, StoreError>;

    /// Stores the flow that was started at the provider: [`Link::begin_consent`].
    async fn begin_consent(
        &self,
        link: &Link,
        consent: SealedConsent,
        poll: Option<PollSchedule>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Link, StoreError>;

    /// Stores the callback of the browser: [`Link::store_callback`].
    async fn store_callback(
        &self,
        link: &Link,
        callback: Sealed,
        answer: KeyedHash,
        poll: PollSchedule,
    ) -> Result<Link, StoreError>;

    /// Leases up to `limit` links whose poll is due at `now` and that are not leased. Alternates between the networks
    /// from which the links were confirmed ([`interleave_networks`]). Within a network, leases the most overdue link
    /// first. Skips links at the providers in `busy`. Each lease increments the link's version, so holders of older
    /// leases can no longer record anything. A lease that expired without a result counts as a failure, because its
    /// holder may have lost a response.
    ///
    /// [`interleave_networks`]: crate::link::interleave_networks
    async fn claim_due_polls(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<Link>, StoreError>;

    /// Returns when the next poll is due at a provider that is not `busy`. Includes leased links.
    async fn next_poll_at(&self, busy: &[ProviderName]) -> Result<Option<Timestamp>, StoreError>;

    /// Ends the lease and schedules the next poll: [`Link::postpone`].
    async fn postpone_poll(&self, link: &Link, poll: PollSchedule) -> Result<(), StoreError>;

    /// Stores the tokens that the provider issued: [`Link::redeem`].
    async fn store_redeemed(
        &self,
        link: &Link,
        grant: SealedGrant,
        poll: PollSchedule,
        expires_at: Timestamp,
    ) -> Result<Link, StoreError>;

    /// Stores the tokens of a refresh: [`Link::replace_tokens`].
    async fn store_refreshed(&self, link: &Link, grant: SealedGrant) -> Result<Link, StoreError>;

    /// Keeps the tokens in the link until its return code is sent: [`Link::hold`].
    async fn hold_grant(
        &self,
        link: &Link,
        owner: Owner,
        owner_mac: KeyedHash,
        now: Timestamp,
    ) -> Result<Link, StoreError>;

    /// Counts a wrong return code: [`Link::count_wrong_return_code`].
    async fn count_wrong_return_code(
        &self,
        link: &Link,
        now: Timestamp,
    ) -> Result<Link, StoreError>;

    /// Completes a link ([`Link::complete`]): creates the account or reactivates it, replaces its tokens and gives the
    /// link's key access to it ([`RowMacs::completed`]). Adds the link's labels as [`Labels::added_by`] decides. If the
    /// grant has no refresh token, see [`NewGrant::refresh_token`]. Cancels pending revocations of the same person,
    /// because some providers revoke all grants of a person and would end the new grant too. The audit entry is part of
    /// the transaction.
    ///
    /// # Errors
    /// [`StoreError::Altered`] if this service did not write the key's row for this link. [`StoreError::OtherServer`]
    /// as [`StoredTokens::relink`] decides.
    ///
    /// [`StoredTokens::relink`]: crate::grant::StoredTokens::relink
    /// [`Labels::added_by`]: crate::Labels::added_by
    async fn complete_link(
        &self,
        link: &Link,
        grant: NewGrant,
        now: Timestamp,
        macs: &RowMacs,
        audit: AuditDraft,
    ) -> Result<Account, StoreError>;

    /// Ends a link without an account ([`Link::end`]). In the same transaction, stores `stray`, the tokens of the link,
    /// for revocation ([`RevocationStore::store_stray`]).
    ///
    /// [`RevocationStore::store_stray`]: super::RevocationStore::store_stray
    async fn end_link(
        &self,
        link: &Link,
        ending: Ending,
        stray: Option<NewRevocation>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Returns the open relinks of this account.
    async fn open_relinks(&self, account: AccountId) -> Result<Vec<Link>, StoreError>;

    /// Returns all links of a key, including those that have ended.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if one of the links cannot be read.
    async fn links_of_key(&self, key: AccessKeyId) -> Result<Vec<Link>, StoreError>;

    /// Counts the links that have ended or expired without an account, up to a count of [`Link::MOST_LEFT_OVER`].
    async fn count_left_over(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Deletes up to `limit` old links, together with keys of theirs that never gave access to an account. Deletes a
    /// link with an account if the link ended before `ended_before`. Deletes a link without an account if the link
    /// ended or expired before `left_over_before`. Returns how many links were deleted.
    async fn purge_links(
        &self,
        ended_before: Timestamp,
        left_over_before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError>;
}

/// A link that is not stored yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// The keyed hash of its code.
    pub code: KeyedHash,
    /// The provider.
    pub provider: ProviderName,
    /// The client that requests the link.
    pub requester: Requester,
    /// The keyed hash of the network, workload or account whose number of link codes is limited. `None` if there is no
    /// limit.
    pub network: Option<KeyedHash>,
    /// The key that will give access to the account.
    pub key: NewLinkKey,
    /// When the link is created.
    pub created_at: Timestamp,
    /// When the link expires if nobody confirms it.
    pub expires_at: Timestamp,
    /// The workload that requests the link, if any.
    pub workload: Option<LinkingWorkload>,
    /// Whether the program must send a return code before the key gives access to the account.
    pub return_code: bool,
}

impl NewLink {
    /// Returns the link that a store saves under `id`, with this key.
    pub fn into_link(self, id: LinkId, key: AccessKeyId) -> Link {
        Link {
            id,
            version: LinkVersion::FIRST,
            code: self.code,
            key,
            relink_of: match self.key {
                NewLinkKey::New(_) => None,
                NewLinkKey::Relink { account, .. } => Some(account),
            },
            provider: self.provider,
            requester: self.requester,
            network: self.network,
            created_at: self.created_at,
            expires_at: self.expires_at,
            browser: None,
            confirmed_from: None,
            callback: None,
            poll: None,
            lease_until: None,
            return_code_tries: self.return_code.then_some(ReturnCode::TRIES),
            state: LinkState::Pending,
        }
    }
}

/// The key of a new link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewLinkKey {
    /// A new key, inactive until the link is complete.
    New(InertKey),
    /// An existing key of the account that is to be linked again.
    Relink {
        /// The key.
        key: AccessKeyId,
        /// Its account.
        account: AccountId,
    },
}

/// The result of storing a new link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkCreation {
    /// The link is stored.
    Created(Box<Link>),
    /// Another link has this code. The caller must try another code.
    CodeTaken,
    /// Too many links are open. With more open links, an attacker could guess a code.
    OverCapacity,
    /// The requester's network has reached its limit of link codes. The next request is accepted after this time.
    TooManyCodes(Duration),
    /// The workload's token has been used before.
    TokenUsed,
}
