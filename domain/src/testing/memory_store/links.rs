//! Links in memory.

use async_trait::async_trait;

use super::{MemoryStore, State, refuse};
use crate::grant::revocation::NewRevocation;
use crate::grant::{AccessKeyId, Account, AccountId, NewGrant, ProviderName};
use crate::link::{Ending, Link, LinkId, LinkState, PollSchedule, SealedConsent, SealedGrant};
use crate::ports::{LinkCreation, LinkStore, NewLink, NewLinkKey, StoreError};
use crate::secret::{KeyedHash, Sealed};
use crate::time::Timestamp;

#[async_trait]
impl LinkStore for MemoryStore {
    async fn create_link(&self, link: NewLink, most_open: u64) -> Result<LinkCreation, StoreError> {
        self.lock().create_link(link, most_open)
    }

    async fn find_link(&self, code: &KeyedHash) -> Result<Option<Link>, StoreError> {
        let state = self.lock();
        Ok(state.links.values().find(|l| l.code == *code).cloned())
    }

    async fn reserve_link(
        &self,
        link: LinkId,
        browser: KeyedHash,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        self.lock().reserve_link(link, browser, now)
    }

    async fn begin_consent(
        &self,
        link: LinkId,
        version: i64,
        consent: SealedConsent,
        poll: Option<PollSchedule>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        self.lock()
            .begin_consent(link, version, consent, poll, expires_at, now)
    }

    async fn keep_callback(
        &self,
        link: LinkId,
        version: i64,
        callback: Sealed,
        answer: KeyedHash,
        poll: PollSchedule,
    ) -> Result<Link, StoreError> {
        let waits =
            |state: &LinkState| matches!(state, LinkState::Authorizing(c) if c.callback.is_none());
        let mut state = self.lock();
        let link = state.link_at(link, version, waits)?;
        if let LinkState::Authorizing(consent) = &mut link.state {
            consent.callback = Some(callback);
        }
        link.version += 1;
        link.callback = Some(answer);
        link.poll = Some(poll);
        Ok(link.clone())
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
        let open = state
            .links
            .values()
            .filter(|link| !busy.contains(&link.provider));
        Ok(open.filter_map(due_at).min())
    }

    async fn postpone_poll(
        &self,
        link: LinkId,
        version: i64,
        poll: PollSchedule,
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        refuse(&mut state.recordings_to_refuse)?;
        state.postpone_poll(link, version, poll)
    }

    async fn keep_redeemed(
        &self,
        link: LinkId,
        version: i64,
        grant: SealedGrant,
        poll: PollSchedule,
        expires_at: Timestamp,
    ) -> Result<Link, StoreError> {
        self.lock()
            .keep_redeemed(link, version, grant, poll, expires_at)
    }

    async fn complete_link(
        &self,
        link: LinkId,
        version: i64,
        grant: NewGrant,
        now: Timestamp,
    ) -> Result<Account, StoreError> {
        self.lock().complete_link(link, version, grant, now)
    }

    async fn end_link(
        &self,
        link: LinkId,
        version: i64,
        ending: Ending,
        stray: Option<NewRevocation>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut state = self.lock();
        let link = state.open_link(link, version)?;
        close(link, LinkState::Ended { ending, at: now });
        if let Some(stray) = stray {
            state.keep_stray(stray);
        }
        Ok(())
    }

    async fn purge_links(&self, ended_before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        Ok(self.lock().purge_links(ended_before, limit))
    }

    async fn open_relinks(&self, account: AccountId) -> Result<Vec<Link>, StoreError> {
        let state = self.lock();
        let relinks = state
            .links
            .values()
            .filter(|link| link.relink_of == Some(account) && ended_at(link).is_none());
        Ok(relinks.cloned().collect())
    }
}

/// When a link may be claimed: at its next poll, or once the lease on it lapses where that is later.
pub(super) fn due_at(link: &Link) -> Option<Timestamp> {
    let next_at = link.poll?.next_at;
    Some(link.lease_until.map_or(next_at, |until| until.max(next_at)))
}

/// Ends a link, one way or another; what the old state held is gone.
pub(super) fn close(link: &mut Link, state: LinkState) {
    link.version += 1;
    link.poll = None;
    link.lease_until = None;
    link.state = state;
}

impl State {
    pub(super) fn create_link(
        &mut self,
        link: NewLink,
        most_open: u64,
    ) -> Result<LinkCreation, StoreError> {
        let is_open = |kept: &&Link| ended_at(kept).is_none() && kept.expires_at > link.created_at;
        if self.links.values().filter(is_open).count() as u64 >= most_open {
            return Ok(LinkCreation::OverCapacity);
        }
        if self.links.values().any(|kept| kept.code == link.code) {
            return Ok(LinkCreation::CodeTaken);
        }
        let key = self.key_of(&link)?;
        let relink_of = match link.key {
            NewLinkKey::New(_) => None,
            NewLinkKey::Relink { account, .. } => Some(account),
        };
        let kept = Link {
            id: LinkId(self.next_number()),
            version: 1,
            code: link.code,
            key,
            relink_of,
            provider: link.provider,
            requester: link.requester,
            created_at: link.created_at,
            expires_at: link.expires_at,
            browser: None,
            callback: None,
            poll: None,
            lease_until: None,
            state: LinkState::Pending,
        };
        self.links.insert(kept.id.0, kept.clone());
        Ok(LinkCreation::Created(Box::new(kept)))
    }

    fn key_of(&mut self, link: &NewLink) -> Result<AccessKeyId, StoreError> {
        match link.key {
            NewLinkKey::Relink { key, account } => self
                .keys
                .get(&key.0)
                .filter(|kept| kept.account == Some(account))
                .map(|_| key)
                .ok_or(StoreError::Conflict),
            NewLinkKey::New(hash) => self.new_link_key(hash, link),
        }
    }

    pub(super) fn reserve_link(
        &mut self,
        link: LinkId,
        browser: KeyedHash,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        let link = self
            .links
            .get_mut(&link.0)
            .filter(|link| link.state == LinkState::Pending && link.expires_at > now)
            .filter(|link| link.is_open_to(&browser))
            .ok_or(StoreError::Conflict)?;
        if link.browser.is_none() {
            link.browser = Some(browser);
            link.version += 1;
        }
        Ok(link.clone())
    }

    pub(super) fn begin_consent(
        &mut self,
        link: LinkId,
        version: i64,
        consent: SealedConsent,
        poll: Option<PollSchedule>,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Link, StoreError> {
        let is_pending = |state: &LinkState| matches!(state, LinkState::Pending);
        let link = self.link_at(link, version, is_pending)?;
        if link.is_past_deadline(now) {
            return Err(StoreError::Conflict);
        }
        link.version += 1;
        link.poll = poll;
        link.expires_at = expires_at;
        link.state = LinkState::Authorizing(consent);
        Ok(link.clone())
    }

    pub(super) fn claim_due_polls(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u64,
        busy: &[ProviderName],
    ) -> Vec<Link> {
        let mut due: Vec<_> = self
            .links
            .values_mut()
            .filter(|link| !busy.contains(&link.provider))
            .filter_map(|link| Some((due_at(link)?, link)))
            .filter(|(due_at, _)| *due_at <= now)
            .collect();
        due.sort_by_key(|(due_at, link)| (*due_at, link.id.0));
        due.into_iter()
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|(_, link)| {
                link.version += 1;
                link.lease_until = Some(lease_until);
                link.clone()
            })
            .collect()
    }

    pub(super) fn postpone_poll(
        &mut self,
        link: LinkId,
        version: i64,
        poll: PollSchedule,
    ) -> Result<(), StoreError> {
        let link = self.link_at(link, version, at_the_provider)?;
        link.version += 1;
        link.poll = Some(poll);
        link.lease_until = None;
        Ok(())
    }

    pub(super) fn keep_redeemed(
        &mut self,
        link: LinkId,
        version: i64,
        grant: SealedGrant,
        poll: PollSchedule,
        expires_at: Timestamp,
    ) -> Result<Link, StoreError> {
        let is_authorizing = |state: &LinkState| matches!(state, LinkState::Authorizing(_));
        let link = self.link_at(link, version, is_authorizing)?;
        link.version += 1;
        link.poll = Some(poll);
        link.expires_at = link.expires_at.max(expires_at);
        link.state = LinkState::Redeemed(grant);
        Ok(link.clone())
    }

    pub(super) fn open_link(
        &mut self,
        link: LinkId,
        version: i64,
    ) -> Result<&mut Link, StoreError> {
        let is_open = |state: &LinkState| {
            !matches!(state, LinkState::Linked { .. } | LinkState::Ended { .. })
        };
        self.link_at(link, version, is_open)
    }

    pub(super) fn link_at(
        &mut self,
        link: LinkId,
        version: i64,
        fits: impl Fn(&LinkState) -> bool,
    ) -> Result<&mut Link, StoreError> {
        self.links
            .get_mut(&link.0)
            .filter(|link| link.version == version && fits(&link.state))
            .ok_or(StoreError::Conflict)
    }

    pub(super) fn purge_links(&mut self, ended_before: Timestamp, limit: u64) -> u64 {
        let over: Vec<_> = self
            .links
            .values()
            .filter(|link| is_over(link, ended_before))
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

/// Somebody may be asking the provider, and there is something to ask.
pub(super) fn at_the_provider(state: &LinkState) -> bool {
    matches!(state, LinkState::Authorizing(_) | LinkState::Redeemed(_))
}

fn ended_at(link: &Link) -> Option<Timestamp> {
    match link.state {
        LinkState::Linked { at, .. } | LinkState::Ended { at, .. } => Some(at),
        _ => None,
    }
}

/// Time alone ends neither a link that somebody holds a lease of nor one whose tokens have arrived.
fn is_over(link: &Link, before: Timestamp) -> bool {
    match (&link.state, ended_at(link)) {
        (_, Some(at)) => at < before,
        (LinkState::Redeemed(_), None) => false,
        _ => link.expires_at < before && link.lease_until.is_none_or(|until| until < before),
    }
}
