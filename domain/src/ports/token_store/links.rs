//! Links in the store.

use async_trait::async_trait;

use super::{LinkingWorkload, StoreError};
use crate::audit::AuditDraft;
use crate::grant::revocation::NewRevocation;
use crate::grant::{AccessKeyId, Account, AccountId, InertKey, NewGrant, ProviderName};
use crate::link::{
    CodeLimit, Confirmation, Ending, Link, LinkId, LinkState, LinkVersion, Owner, PollSchedule,
    Requester, ReturnCode, SealedConsent, SealedGrant, TooManyCodes, TooManyConsents,
};
use crate::secret::{KeyedHash, Sealed};
use crate::time::Timestamp;
use crate::vault::RowMacs;

/// From the code to the account, or to another end.
///
/// Methods that take a [`Link`] change it as the function of `Link` with the same task decides. They save the change only if
/// the stored link is still at that version. If it is not, or if the function rejects the change, they change nothing and
/// return [`StoreError::Conflict`].
#[async_trait]
pub trait LinkStore: Send + Sync {
    /// Keeps a new link and, unless it relinks, its inert key with its MAC. The link codes of its network, where it has one, are limited
    /// by [`CodeLimit::judge`].
    async fn create_link(
        &self,
        link: NewLink,
        most_open: u64,
        limit: CodeLimit,
        macs: &RowMacs,
    ) -> Result<LinkCreation, StoreError>;

    /// The link with this code.
    async fn find_link(&self, code: &KeyedHash) -> Result<Option<Link>, StoreError>;

    /// Gives a link to a browser ([`Link::reserve`]), unless too many consents are under way ([`ConsentLimit::judge`]). The
    /// browser that has it already is not refused.
    ///
    /// [`ConsentLimit::judge`]: crate::link::ConsentLimit::judge
    async fn reserve_link(
        &self,
        link: &Link,
        by: &Confirmation,
        now: Timestamp,
    ) -> Result<Result<Link, TooManyConsents>, StoreError>;

    /// Keeps the provider's flow that has started: [`Link::begin_consent`].
    async fn begin_consent(
        &self,
        link: &Link,
        consent: SealedConsent,
        poll: Option<PollSchedule>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Link, StoreError>;

    /// Keeps the callback that the browser brought back: [`Link::keep_callback`].
    async fn keep_callback(
        &self,
        link: &Link,
        callback: Sealed,
        answer: KeyedHash,
        poll: PollSchedule,
    ) -> Result<Link, StoreError>;

    /// Leases up to `limit` links whose poll is due at `now` and which nobody holds a lease of. The networks that confirmed
    /// them take turns ([`in_turns`]), and of a network the longest due comes first. Links at the providers in `busy` are
    /// left alone. Claiming raises a link's version, so whoever held an older lease can record nothing any more.
    ///
    /// [`in_turns`]: crate::link::in_turns
    async fn claim_due_polls(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<Link>, StoreError>;

    /// When the next poll is due at a provider that is not `busy`, leases counted in.
    async fn next_poll_at(&self, busy: &[ProviderName]) -> Result<Option<Timestamp>, StoreError>;

    /// Gives a lease back until the next poll: [`Link::postpone`].
    async fn postpone_poll(&self, link: &Link, poll: PollSchedule) -> Result<(), StoreError>;

    /// Keeps the tokens that the provider gave: [`Link::redeem`].
    async fn keep_redeemed(
        &self,
        link: &Link,
        grant: SealedGrant,
        poll: PollSchedule,
        expires_at: Timestamp,
    ) -> Result<Link, StoreError>;

    /// Holds the tokens of a link until its return code is sent: [`Link::hold`].
    async fn hold_grant(
        &self,
        link: &Link,
        owner: Owner,
        now: Timestamp,
    ) -> Result<Link, StoreError>;

    /// Counts a wrong return code: [`Link::count_wrong_return_code`].
    async fn count_wrong_return_code(
        &self,
        link: &Link,
        now: Timestamp,
    ) -> Result<Link, StoreError>;

    /// Completes a link ([`Link::complete`]): creates the account or brings it back to life, replaces its tokens and opens
    /// it to the link's key ([`RowMacs::completed`]). The account gets the link's labels as [`Labels::added_by`] decides. See
    /// [`NewGrant::refresh_token`] for what happens without one. What was to be revoked of the same person is not any more: some
    /// providers revoke by person, and would end the new grant too. The audit entry is part of the transaction.
    /// [`StoreError::Altered`] when the key's row is not one that the service has written for this link.
    ///
    /// [`Labels::added_by`]: crate::Labels::added_by
    async fn complete_link(
        &self,
        link: &Link,
        grant: NewGrant,
        now: Timestamp,
        macs: &RowMacs,
        audit: AuditDraft,
    ) -> Result<Account, StoreError>;

    /// Ends a link without an account ([`Link::end`]). Tokens that it held are kept as `stray` in the same transaction; see
    /// [`RevocationStore::keep_stray`].
    ///
    /// [`RevocationStore::keep_stray`]: super::RevocationStore::keep_stray
    async fn end_link(
        &self,
        link: &Link,
        ending: Ending,
        stray: Option<NewRevocation>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Returns the open relinks of this account.
    async fn open_relinks(&self, account: AccountId) -> Result<Vec<Link>, StoreError>;

    /// Returns the links of a key, ended ones too.
    async fn links_of_key(&self, key: AccessKeyId) -> Result<Vec<Link>, StoreError>;

    /// Counts the links that are over without an account ([`Link::is_left_over`]), up to [`Link::MOST_LEFT_OVER`].
    async fn count_left_over(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Deletes up to `limit` links that ended before `ended_before`, and those of their keys that never opened
    /// anything. Links without an account go if they ended before `left_over_before`. A link that ran out of time ended at
    /// its deadline. Returns how many links went.
    async fn purge_links(
        &self,
        ended_before: Timestamp,
        left_over_before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError>;
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
    /// The hash of the network that asks, if its link codes are limited.
    pub network: Option<KeyedHash>,
    /// The key that will open the account.
    pub key: NewLinkKey,
    /// Now.
    pub created_at: Timestamp,
    /// When it dies if nobody confirms it.
    pub expires_at: Timestamp,
    /// The workload that asks, if one does.
    pub workload: Option<LinkingWorkload>,
    /// Whether the program sends a return code before the key opens the account.
    pub return_code: bool,
}

impl NewLink {
    /// The link that a store keeps under its number and key.
    #[must_use]
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
    /// A new key, inert until the link is complete.
    New(InertKey),
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
    /// Too many links are open: with more, codes could be guessed.
    OverCapacity,
    /// Its network has got as many link codes as it may.
    TooManyCodes(TooManyCodes),
    /// The workload's token has been used before.
    TokenUsed,
}
