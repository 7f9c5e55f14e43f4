//! Links in memory.

use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStore, State, refuse};
use crate::audit::{AuditDraft, AuditEvent};
use crate::grant::revocation::NewRevocation;
use crate::grant::{AccessKeyId, Account, AccountId, InertKey, NewGrant, ProviderName};
use crate::link::{
    CodeLimit, Confirmation, ConsentLimit, ConsentsInProgress, Ending, Link, LinkId, LinkState,
    Owner, PollSchedule, SealedConsent, SealedGrant, TransitionError, interleave_networks,
};
use crate::ports::{LinkCreation, LinkStore, NewLink, NewLinkKey, StoreError};
use crate::secret::{KeyedHash, Sealed};
use crate::time::Timestamp;
use crate::vault::RowMacs;

#[async_trait]
impl LinkStore for MemoryStore {
    async fn create_link(
        &self,
        link: NewLink,
        most_open: u64,
        limit: CodeLimit,
        macs: &RowMacs,
    ) -> Result<LinkCreation, StoreError> {
        self.lock().create_link(link, most_open, limit, macs)
    }

    async fn find_link(&self, code: &KeyedHash) -> Result<Option<Link>, StoreError> {
        let state = self.lock();
        Ok(state.links.values().find(|l| l.code == *code).cloned())
    }

    async fn reserve_link(
        &self,
        link: &Link,
        by: &Confirmation,
        now: Timestamp,
    ) -> Result<Result<Link, Duration>, StoreError> {
        let mut state = self.lock();
        if link.browser.is_none()
            && let Err(refused) = ConsentLimit::judge(state.consents_in_progress(by, now))
        {
            return Ok(Err(refused));
        }
        state
            .change_link(link, |link| link.reserve(by, now))
            .map(Ok)
    }

    async fn begin_consent(
        &self,
        link: &Link,
        consent: SealedConsent,
        poll: Option<PollSchedule>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        let mut state = self.lock();
        state.change_link(link, |link| {
            link.begin_consent(consent, poll, expires_at, now)
        })
    }

    async fn store_callback(
        &self,
        link: &Link,
        callback: Sealed,
        answer: KeyedHash,
        poll: PollSchedule,
    ) -> Result<Link, StoreError> {
        let mut state = self.lock();
        state.change_link(link, |link| link.store_callback(callback, answer, poll))
    }

    async fn claim_due_polls(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Result<Vec<Link>, StoreError> {
        Ok(self.lock().claim_due_polls(now, lease_until, limit, busy))
    }

    async fn next_poll_at(&self, busy: &[ProviderName]) -> Result<Option<Timestamp>, StoreError> {
        let state = self.lock();
        let links = state.links.values();
        let idle = links.filter(|link| !busy.contains(&link.provider));
        Ok(idle.filter_map(Link::due_at).min())
    }

    async fn postpone_poll(&self, link: &Link, poll: PollSchedule) -> Result<(), StoreError> {
        let mut state = self.lock();
        refuse(&mut state.recordings_to_refuse)?;
        state
            .change_link(link, |link| link.postpone(poll))
            .map(drop)
    }

    async fn store_redeemed(
        &self,
        link: &Link,
        grant: SealedGrant,
        poll: PollSchedule,
        expires_at: Timestamp,
    ) -> Result<Link, StoreError> {
        let mut state = self.lock();
        state.change_link(link, |link| link.redeem(grant, poll, expires_at))
    }

    async fn store_refreshed(&self, link: &Link, grant: SealedGrant) -> Result<Link, StoreError> {
        self.lock()
            .change_link(link, |link| link.replace_tokens(grant))
    }

    async fn hold_grant(
        &self,
        link: &Link,
        owner: Owner,
        owner_mac: KeyedHash,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        let mut state = self.lock();
        state.change_link(link, |link| link.hold(owner, owner_mac, now))
    }

    async fn count_wrong_return_code(
        &self,
        link: &Link,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        let mut state = self.lock();
        state.change_link(link, |link| link.count_wrong_return_code(now))
    }

    async fn complete_link(
        &self,
        link: &Link,
        grant: NewGrant,
        now: Timestamp,
        macs: &RowMacs,
        audit: AuditDraft,
    ) -> Result<Account, StoreError> {
        let mut state = self.lock();
        let account = state.complete_link(link, grant, now, macs)?;
        state.keep_entry(audit.entry(AuditEvent::linked(link, &account)));
        Ok(account)
    }

    async fn end_link(
        &self,
        link: &Link,
        ending: Ending,
        stray: Option<NewRevocation>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        state.change_link(link, |link| link.end(ending, now))?;
        if let Some(stray) = stray {
            state.store_stray(stray);
        }
        Ok(())
    }

    async fn open_relinks(&self, account: AccountId) -> Result<Vec<Link>, StoreError> {
        let state = self.lock();
        let relinks = state
            .links
            .values()
            .filter(|link| link.relink_of == Some(account) && link.ended_at().is_none());
        Ok(relinks.cloned().collect())
    }

    async fn links_of_key(&self, key: AccessKeyId) -> Result<Vec<Link>, StoreError> {
        let state = self.lock();
        let links = state.links.values().filter(|link| link.key == key);
        Ok(links.cloned().collect())
    }

    async fn count_left_over(&self, now: Timestamp) -> Result<u64, StoreError> {
        let state = self.lock();
        let left_over = state.links.values().filter(|link| is_left_over(link, now));
        Ok((left_over.count() as u64).min(Link::MOST_LEFT_OVER))
    }

    async fn purge_links(
        &self,
        ended_before: Timestamp,
        left_over_before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let mut state = self.lock();
        Ok(state.purge_links(ended_before, left_over_before, limit))
    }
}

impl State {
    /// Counts the consents in progress, from the network of `by` and from all networks.
    fn consents_in_progress(&self, by: &Confirmation, now: Timestamp) -> ConsentsInProgress {
        let open = self.links.values().filter(|link| is_open(link, now));
        let from = open.filter_map(|link| link.confirmed_from);
        let from: Vec<_> = from.collect();
        let of_network = from.iter().filter(|from| **from == by.network);
        ConsentsInProgress {
            of_network: of_network.count() as u64,
            of_all: from.len() as u64,
        }
    }

    /// Returns when the network of a link got its `most`-th latest counted code, as [`CodeLimit::judge`] expects.
    fn full_since(&self, link: &NewLink, open: u64, limit: CodeLimit) -> Option<Timestamp> {
        let network = link.network?;
        let quota = limit.of_network(open);
        let links = self.links.values();
        let own = links.filter(|kept| kept.network == Some(network));
        let counted = own
            .filter(|kept| quota.counts_linked || !matches!(kept.state, LinkState::Linked { .. }));
        let mut created: Vec<_> = counted.map(|kept| kept.created_at).collect();
        created.retain(|at| limit.counting(link.created_at).contains(at));
        created.sort_by_key(|at| std::cmp::Reverse(*at));
        created.get(quota.most as usize - 1).copied()
    }

    fn create_link(
        &mut self,
        link: NewLink,
        most_open: u64,
        limit: CodeLimit,
        macs: &RowMacs,
    ) -> Result<LinkCreation, StoreError> {
        let links = self.links.values();
        let open = links.filter(|kept| is_open(kept, link.created_at)).count() as u64;
        let full_since = self.full_since(&link, open, limit);
        if let Err(refused) = limit.judge(full_since, link.created_at) {
            return Ok(LinkCreation::TooManyCodes(refused));
        }
        if open >= most_open {
            return Ok(LinkCreation::OverCapacity);
        }
        if self.links.values().any(|kept| kept.code == link.code) {
            return Ok(LinkCreation::CodeTaken);
        }
        let workload = link.workload.clone();
        if let Some(asking) = &workload {
            if self
                .used_tokens
                .iter()
                .any(|used| used.hash == asking.token.hash)
            {
                return Ok(LinkCreation::TokenUsed);
            }
            self.used_tokens.push(asking.token);
        }
        let (key, inert) = self.key_of(&link)?;
        if let Some(binding) = workload.and_then(|asking| asking.binding) {
            self.workloads.insert(key.0, binding);
        }
        let kept = link.into_link(LinkId(self.next_number()), key);
        if let Some(inert) = inert {
            self.insert_inert_key(inert, &kept, macs)?;
        }
        self.links.insert(kept.id.0, kept.clone());
        Ok(LinkCreation::Created(Box::new(kept)))
    }

    /// Returns the id of a link's key, and the key itself if it is new.
    fn key_of(&mut self, link: &NewLink) -> Result<(AccessKeyId, Option<InertKey>), StoreError> {
        match link.key {
            NewLinkKey::Relink { key, account } => self
                .keys
                .get(&key.0)
                .filter(|kept| kept.account == Some(account))
                .map(|_| (key, None))
                .ok_or(StoreError::Conflict),
            NewLinkKey::New(key) => Ok((AccessKeyId(self.next_number()), Some(key))),
        }
    }

    /// Changes a link if its version is unchanged since the caller read it.
    pub(super) fn change_link(
        &mut self,
        read: &Link,
        transition: impl FnOnce(&Link) -> Result<Link, TransitionError>,
    ) -> Result<Link, StoreError> {
        let stored = self.links.get_mut(&read.id.0);
        let stored = stored.filter(|stored| stored.version == read.version);
        let stored = stored.ok_or(StoreError::Conflict)?;
        *stored = transition(stored)?;
        Ok(stored.clone())
    }

    fn claim_due_polls(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Vec<Link> {
        let links = self.links.values_mut();
        let mut due: Vec<_> = links
            .filter(|link| !busy.contains(&link.provider))
            .filter_map(|link| Some((link.claim(now, lease_until).ok()?, link)))
            .collect();
        due.sort_by_key(|(_, link)| (link.due_at(), link.id));
        let by_network = due.into_iter().map(|due| (due.1.confirmed_from, due));
        let mut due = interleave_networks(by_network.collect());
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let claim = |(claimed, link): (Link, &mut Link)| {
            link.clone_from(&claimed);
            claimed
        };
        due.into_iter().map(claim).collect()
    }

    fn purge_links(
        &mut self,
        ended_before: Timestamp,
        left_over_before: Timestamp,
        limit: u64,
    ) -> u64 {
        let over: Vec<_> = self
            .links
            .values()
            .filter(|link| {
                was_over_before(link, ended_before) || is_left_over(link, left_over_before)
            })
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|link| (link.id, link.key))
            .collect();
        for (link, key) in &over {
            self.links.remove(&link.0);
            if self.keys.get(&key.0).is_some_and(|k| k.account.is_none()) {
                self.keys.remove(&key.0);
            }
        }
        over.len() as u64
    }
}

impl Link {
    /// Returns when the link may be leased: at its next poll, or when its current lease expires if that is later.
    pub fn due_at(&self) -> Option<Timestamp> {
        let next_at = self.poll?.next_at;
        Some(self.lease_until.map_or(next_at, |until| until.max(next_at)))
    }

    /// Leases a link whose poll is due. The link's version is the fencing token, so holders of older leases cannot
    /// change the link. A lease that expired without a result counts as a failure, because its holder may have lost a
    /// response.
    ///
    /// # Errors
    /// The link is not due or is leased.
    pub fn claim(&self, now: Timestamp, lease_until: Timestamp) -> Result<Self, TransitionError> {
        self.due_at()
            .filter(|due_at| *due_at <= now)
            .ok_or(TransitionError)?;
        let is_lost = self.lease_until.is_some();
        Ok(Self {
            version: self.version.next(),
            poll: self.poll.map(|poll| PollSchedule {
                failures: poll.failures.saturating_add(is_lost.into()),
                ..poll
            }),
            lease_until: Some(lease_until),
            ..self.clone()
        })
    }
}

/// Whether a link has neither ended nor expired.
fn is_open(link: &Link, now: Timestamp) -> bool {
    link.ended_at().is_none() && !link.is_past_deadline(now)
}

/// Whether a link may be deleted because it ended or expired before `moment`. A link with tokens does not expire, and a
/// leased link does not expire before its lease.
fn was_over_before(link: &Link, moment: Timestamp) -> bool {
    match (&link.state, link.ended_at()) {
        (_, Some(at)) => at < moment,
        (LinkState::Redeemed(_) | LinkState::Confirming(_), None) => false,
        _ => link.expires_at < moment && link.lease_until.is_none_or(|until| until < moment),
    }
}

/// Whether a link has ended or expired without an account.
fn is_left_over(link: &Link, now: Timestamp) -> bool {
    !matches!(link.state, LinkState::Linked { .. }) && was_over_before(link, now)
}
