//! For clients: request a link code, poll it and confirm it.

mod completer;
mod confirm;
mod ender;
mod guesses;
mod open_relink;
mod poll;
mod relink;
mod relink_urls;
mod start;
mod start_for_workload;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use self::poll::Poller;
use super::account_reader::AccountReader;
use super::{AuditLog, Operators, Ports, Providers, Settings};
use crate::cidr::Cidr;
use crate::entropy::Entropy;
use crate::link::{CodeLimit, Link, ReturnCodePolicy};
use crate::observe::Observer;
use crate::ports::{Clock, KeyStore, LinkStore, StoreError};
use crate::rate_limit::RateLimit;
use crate::vault::Vault;

pub(super) use completer::LinkCompleter;
pub(super) use ender::LinkEnder;
pub(super) use guesses::GuessLimiter;
pub use open_relink::{RelinkUrlError, RelinkView};
pub use poll::LinkReport;
pub use relink::{ADMINS_RELINK, NO_KEY_LEFT, NOT_IDENTIFIED};
pub use relink_urls::RelinkUrls;
pub use start::{KEY_IS_KEPT, LinkRequest, RETURN_CODES_ARE_OFF, StartedLink};

/// For clients: request a link code, poll it and confirm it.
pub struct Links {
    links: Arc<dyn LinkStore>,
    keys: Arc<dyn KeyStore>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    providers: Providers,
    accounts: AccountReader,
    guesses: GuessLimiter,
    operators: Arc<Operators>,
    enroll_networks: Vec<Cidr>,
    ender: LinkEnder,
    completer: LinkCompleter,
    relink_urls: RelinkUrls,
    return_code: ReturnCodePolicy,
    code_ttl: Duration,
    poll_interval: Duration,
    /// Limits each poller to one poll per interval, with a burst for clients that retry or restart. Only polls of
    /// existing links are counted.
    polls: RateLimit<Poller>,
    codes: CodeLimit,
    /// The number of links that ended without an account, as of the last purge.
    left_over: AtomicU64,
    observer: Arc<dyn Observer>,
    audit: Arc<AuditLog>,
}

impl Links {
    pub(super) fn new(
        ports: &Ports,
        settings: &Settings,
        operators: &Arc<Operators>,
        accounts: AccountReader,
        guesses: GuessLimiter,
        ender: LinkEnder,
        completer: LinkCompleter,
    ) -> Self {
        Self {
            links: ports.store.clone(),
            keys: ports.store.clone(),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            providers: ports.providers.clone(),
            accounts,
            guesses,
            operators: Arc::clone(operators),
            enroll_networks: settings.enroll_networks.clone(),
            ender,
            completer,
            relink_urls: RelinkUrls::new(ports, settings),
            return_code: settings.return_code,
            code_ttl: settings.link_code_ttl,
            poll_interval: settings.poll_interval,
            polls: RateLimit::new(settings.poll_interval, Self::POLL_BURST),
            codes: CodeLimit::new(settings.link_code_ttl),
            left_over: AtomicU64::new(0),
            observer: Arc::clone(&ports.observer),
            audit: Arc::clone(&ports.audit),
        }
    }

    /// Deletes up to `limit` links that ended more than a day ago. Deletes links without an account sooner if there are
    /// many of them ([`Link::kept_without_account`]). Returns how many links were deleted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge(&self, limit: u64) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let left_over = self.links.count_left_over(now).await?;
        self.left_over.store(left_over, Ordering::Relaxed);
        let ended_before = now - Link::KEPT_AFTER_END;
        let left_over_before = now - Link::kept_without_account(left_over);
        self.links
            .purge_links(ended_before, left_over_before, limit)
            .await
    }

    /// Deletes up to `limit` records of wrong codes that no longer count. Returns how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge_guesses(&self, limit: u64) -> Result<u64, StoreError> {
        self.guesses.purge(limit).await
    }
}

#[cfg(test)]
mod tests {
    mod confirm;
    mod guesses;
    mod poll;
    mod relink;
    mod relink_urls;
    mod room;
    mod start;
}
