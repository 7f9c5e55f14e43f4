use std::net::IpAddr;
use std::time::Duration;

use super::Links;
use crate::fault::Fault;
use crate::grant::{AccessKeyId, Account, KeyBinding, KeyHolder};
use crate::link::{Link, LinkCode, LinkId, LinkState, LinkStatus};
use crate::usecases::caller::ALTERED_KEY;
use crate::usecases::refusal::UNKNOWN_CODE;
use crate::usecases::{Caller, PresentedKey, Refusal};

/// The status of a link, as far as the caller may know it.
#[derive(Debug, Clone)]
pub struct LinkReport {
    /// The status of the link now.
    pub status: LinkStatus,
    /// The remaining lifetime of the link.
    pub expires_in: Duration,
    /// How often to poll.
    pub interval: Duration,
    /// The linked account. Only for the link's own key, and for the admin if the link is a relink.
    pub account: Option<Account>,
    /// Why the link has failed or was denied. Only for the callers who may see `account`.
    pub error: Option<Fault>,
}

/// Who polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Poller {
    /// The holder of an access key.
    Key(AccessKeyId),
    /// A caller who sends only the code of a link.
    Stranger {
        /// Where the request comes from.
        address: IpAddr,
        /// The link.
        link: LinkId,
    },
}

impl Links {
    /// The size of the burst: how many polls may come at once.
    pub(super) const POLL_BURST: u32 = 3;

    /// Returns the state of a link. Anybody who knows the code sees the status. Only the link's own key, and the admin
    /// if the link is a relink, see the account or the error. The limit on wrong codes applies to neither of them.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an unknown or malformed code, [`Refusal::RateLimited`] after too many unknown codes,
    /// [`Refusal::PolledTooSoon`] when this caller polls faster than the interval allows.
    pub async fn poll(
        &self,
        code: &str,
        caller: &Caller,
        address: IpAddr,
    ) -> Result<LinkReport, Refusal> {
        let code = LinkCode::parse(code)?;
        let link = self
            .links
            .find_link(&self.vault.hash_link_code(&code))
            .await?;
        let (link, report) = match (own_key(link.as_ref(), caller), link) {
            (Some(key), Some(link)) => {
                self.observer.link_resumed(link.id);
                let report = self.full_report(self.confirmed_by_key(&link, key)?).await?;
                (link.id, report)
            }
            (None, Some(link)) if is_open_to_admin(&link, caller) => {
                (link.id, self.full_report(&link).await?)
            }
            (_, other) => {
                let link = self.guesses.admit(other, address).await?;
                (link.id, self.bare_report(&link))
            }
        };
        let poller = match caller {
            Caller::Key(key) => Poller::Key(key.id),
            Caller::Nobody | Caller::Admin(_) | Caller::Auditor(_) | Caller::Enroller(_) => {
                Poller::Stranger { address, link }
            }
        };
        let admitted = self.polls.admit(poller, self.clock.uptime());
        admitted.map_err(Refusal::PolledTooSoon)?;
        Ok(report)
    }

    /// Returns the state of a link as [`Links::poll`] does, and changes nothing: for a `HEAD`. Only the link's own key,
    /// and the admin if the link is a relink, learn that the link exists, because a `HEAD` is not counted as a guess.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for any other caller, and for an unknown or malformed code.
    pub async fn inspect(&self, code: &str, caller: &Caller) -> Result<LinkReport, Refusal> {
        let code = LinkCode::parse(code)?;
        if !matches!(caller, Caller::Key(_) | Caller::Admin(_)) {
            return Err(UNKNOWN_CODE);
        }
        let hash = self.vault.hash_link_code(&code);
        let link = self.links.find_link(&hash).await?;
        match (own_key(link.as_ref(), caller), link) {
            (Some(key), Some(link)) => {
                let link = self.confirmed_by_key(&link, key)?;
                self.full_report(link).await
            }
            (None, Some(link)) if is_open_to_admin(&link, caller) => self.full_report(&link).await,
            _ => Err(UNKNOWN_CODE),
        }
    }

    /// Checks that a link and its key name the same account, because only the key's row has a MAC. If the link was
    /// completed after the key was read, returns the earlier state of the link, which was read with the key.
    pub(super) fn confirmed_by_key<'a>(
        &self,
        link: &'a Link,
        key: &'a KeyHolder,
    ) -> Result<&'a Link, Refusal> {
        match (&link.state, &key.binding) {
            (LinkState::Linked { .. }, KeyBinding::Link(earlier)) => Ok(earlier),
            (LinkState::Linked { account, .. }, KeyBinding::Account { id, .. })
                if id != account =>
            {
                self.observer.key_altered();
                tracing::error!(
                    link = link.id.0,
                    key = key.id.0,
                    "link refused: it was changed in the database, but not by this service, and names another account than its key"
                );
                Err(ALTERED_KEY)
            }
            _ => Ok(link),
        }
    }

    fn bare_report(&self, link: &Link) -> LinkReport {
        let now = self.clock.now();
        LinkReport {
            status: link.status(now),
            expires_in: link.expires_in(now),
            interval: self.poll_interval,
            account: None,
            error: None,
        }
    }

    pub(super) async fn full_report(&self, link: &Link) -> Result<LinkReport, Refusal> {
        let report = self.bare_report(link);
        let account = match report.status {
            LinkStatus::Linked(account) => Some(self.accounts.get(account).await?),
            _ => None,
        };
        let error = match &report.status {
            LinkStatus::Failed(fault) | LinkStatus::Denied(Some(fault)) => Some(fault.clone()),
            _ => None,
        };
        Ok(LinkReport {
            account,
            error,
            ..report
        })
    }
}

/// Whether the caller is an admin and the link is a relink. An admin who starts a relink has no key of the link, and
/// may see every account anyway.
const fn is_open_to_admin(link: &Link, caller: &Caller) -> bool {
    matches!(caller, Caller::Admin(_)) && link.relink_of.is_some()
}

pub(super) fn own_key<'a>(link: Option<&Link>, caller: &'a Caller) -> Option<&'a PresentedKey> {
    match (link, caller) {
        (Some(link), Caller::Key(key)) if key.id == link.key => Some(key),
        _ => None,
    }
}
