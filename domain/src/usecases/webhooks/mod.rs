//! Sends events to receivers: each receiver reads the audit log from its own position.

mod row;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use super::housekeeping::latest_stored;
use super::{AuditLog, Ports, RelinkUrls, Settings};
use crate::audit::{AuditEntry, AuditFilter, AuditNumber, AuditPosition};
use crate::clock_step::{ClockStepDetector, LEASE_MARGIN};
use crate::entropy::Entropy;
use crate::grant::{Account, AccountStatus};
use crate::observe::Observer;
use crate::ports::{
    AccountStore, AuditStore, Clock, ReplicaStore, StoreError, WebhookSender, WebhookStore,
};
use crate::vault::RowMacs;
use crate::webhook::{
    DeliveryOutcome, Receiver, ReceiverName, WebhookEvent, WebhookKind, WebhookMessage,
};

/// Audit entries per read.
const PAGE: u64 = 200;
/// How many entries are skipped before the new position of a receiver is stored.
const STORE_AFTER: i64 = 1_000;

/// The configured receivers, and the port that sends events to them.
#[derive(Clone)]
pub struct Webhooks {
    /// The receivers, with the events that they get.
    pub receivers: Vec<Subscription>,
    /// Sends events.
    pub sender: Arc<dyn WebhookSender>,
}

/// A receiver, and the events that it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The receiver.
    pub receiver: ReceiverName,
    /// The kinds of these events.
    pub kinds: Vec<WebhookKind>,
}

impl Subscription {
    fn event(&self, entry: &AuditEntry) -> Option<WebhookEvent> {
        WebhookEvent::of(entry).filter(|event| self.kinds.contains(&event.kind))
    }
}

/// Delivers events to one receiver, in order. Every replica has a dispatcher for each receiver; a lease on the stored
/// receiver lets one replica deliver at a time.
pub struct WebhookDispatcher {
    store: Arc<dyn WebhookStore>,
    audit: Arc<dyn AuditStore>,
    replicas: Arc<dyn ReplicaStore>,
    accounts: Arc<dyn AccountStore>,
    sender: Arc<dyn WebhookSender>,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    observer: Arc<dyn Observer>,
    relink_urls: RelinkUrls,
    macs: RowMacs,
    log: Arc<AuditLog>,
    to: Subscription,
    /// The last entry of the audit log that needs no more work, as far as this process knows: its event was delivered
    /// or dropped, or the receiver does not want it.
    seen: AuditNumber,
    /// The last entry that was read, usually the entry `seen`. If the log has another entry under this number, entries
    /// of the log were lost.
    last: Option<AuditPosition>,
    steps: ClockStepDetector,
}

impl WebhookDispatcher {
    /// How long to wait when there is no event.
    pub const POLL: Duration = Duration::from_secs(1);

    /// Returns one dispatcher for each receiver.
    pub fn all(ports: &Ports, settings: &Settings, webhooks: &Webhooks) -> Vec<Self> {
        let dispatcher = |to: &Subscription| Self {
            store: ports.store.clone(),
            audit: ports.store.clone(),
            replicas: ports.store.clone(),
            accounts: ports.store.clone(),
            sender: Arc::clone(&webhooks.sender),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            observer: Arc::clone(&ports.observer),
            relink_urls: RelinkUrls::new(ports, settings),
            macs: ports.vault.row_macs(),
            log: Arc::clone(&ports.audit),
            to: to.clone(),
            seen: AuditNumber(0),
            last: None,
            steps: ClockStepDetector::default(),
        };
        webhooks.receivers.iter().map(dispatcher).collect()
    }

    /// Returns the name of the receiver.
    pub const fn receiver(&self) -> &ReceiverName {
        &self.to.receiver
    }

    /// Delivers the next event, if there is one and no lease or pause is in progress. Returns how long to wait before
    /// the next call.
    ///
    /// # Errors
    /// When the store fails. If the event was already delivered, it is delivered again, with the same id.
    pub async fn deliver_next(&mut self) -> Result<Duration, StoreError> {
        let Some(stored) = self.stored().await? else {
            return Ok(Duration::ZERO);
        };
        if !self.steps.has_begun() {
            let stored = latest_stored(&*self.replicas, &*self.audit).await?;
            self.steps.begin(stored, &*self.clock);
        }
        let longest = self.steps.longest_pause(&*self.clock);
        let pause = stored.waits(self.clock.now(), longest);
        if !pause.is_zero() {
            return Ok(pause.min(Self::POLL));
        }
        let Some(mut page) = self.page().await? else {
            return self.start_again(&stored).await;
        };
        // Ignores rows with higher numbers: somebody else wrote them.
        page.retain(|entry| entry.number <= AuditNumber::HIGHEST);
        let next = page
            .iter()
            .find_map(|entry| Some((entry.number, self.to.event(entry)?)));
        match next {
            Some((number, event)) => self.deliver(&stored, number, event).await,
            None => self.skip(&stored, &page).await,
        }
    }

    /// Returns the next entries. `None` if the log ends before `seen` or has another entry under the number `seen`,
    /// because the log has lost entries or is a new log.
    async fn page(&mut self) -> Result<Option<Vec<AuditEntry>>, StoreError> {
        let before = AuditNumber(self.seen.0.saturating_sub(1));
        let all = AuditFilter::default();
        let mut page = self.audit.audit_entries(&all, before, PAGE + 1).await?;
        if page.is_empty() && self.seen > AuditNumber(0) {
            // The log may still be the same: a purge may have deleted the entry `seen`.
            if self.head().await? < self.seen {
                return Ok(None);
            }
        }
        let found = page.first().map(AuditPosition::of);
        let found = found.filter(|found| found.number == self.seen);
        let is_other = |last: AuditPosition| last.number == self.seen && Some(last) != found;
        if found.is_some() && self.last.is_some_and(is_other) {
            return Ok(None);
        }
        self.last = found;
        page.retain(|entry| entry.number > self.seen);
        Ok(Some(page))
    }

    async fn head(&self) -> Result<AuditNumber, StoreError> {
        let ends = self.audit.audit_ends().await?;
        Ok(ends.map_or(AuditNumber(0), |ends| ends.head.number))
    }

    /// Continues at the stored position, because the log has lost entries: after a failover to a standby, for example.
    /// If the log ends before the stored position, an operator has started a new log with new numbers. Then the
    /// receiver continues at the beginning of the new log.
    async fn start_again(&mut self, stored: &Receiver) -> Result<Duration, StoreError> {
        let (receiver, position) = (&self.to.receiver, stored.position);
        if position <= self.head().await? {
            tracing::warn!(%receiver, %position, lost = %self.seen, "the audit log has lost entries; the receiver of webhooks continues at its stored position");
            (self.seen, self.last) = (position, None);
            return Ok(Duration::ZERO);
        }
        tracing::warn!(%receiver, %position, "the audit log ends before this position of a receiver of webhooks; all its events are sent");
        if self.save(&stored.reset(AuditNumber(0))).await? {
            (self.seen, self.last) = (AuditNumber(0), None);
        }
        Ok(Duration::ZERO)
    }

    /// Skips entries that are not for the receiver. Stores the new position only after [`STORE_AFTER`] entries.
    async fn skip(
        &mut self,
        stored: &Receiver,
        page: &[AuditEntry],
    ) -> Result<Duration, StoreError> {
        let Some(last) = page.last() else {
            return Ok(Self::POLL);
        };
        (self.seen, self.last) = (last.number, Some(AuditPosition::of(last)));
        if last.number.0 - stored.position.0 >= STORE_AFTER {
            self.save(&stored.skipped(last.number)).await?;
        }
        let is_whole = page.len() as u64 >= PAGE;
        Ok(if is_whole { Duration::ZERO } else { Self::POLL })
    }

    async fn deliver(
        &mut self,
        stored: &Receiver,
        number: AuditNumber,
        event: WebhookEvent,
    ) -> Result<Duration, StoreError> {
        let message = self.completed(event).await?;
        let event = &message.event;
        let now = self.clock.now();
        let claimed = stored.claimed(now);
        if !self.save(&claimed).await? {
            // Another replica has claimed the receiver.
            return Ok(Self::POLL);
        }
        if self.clock.now() > now + LEASE_MARGIN {
            // Claiming took so long that the lease might expire during the delivery. A later call claims the receiver
            // again.
            return Ok(Self::POLL);
        }
        let result = self.sender.send(&self.to.receiver, &message, now).await;
        let spread = self.entropy.fraction();
        let now = self.clock.now();
        let (next, attempt) = claimed.attempted(number, event.at, result, now, spread);
        if self.save(&next).await? {
            self.observer.webhook_attempted(&self.to.receiver, attempt);
            log(&claimed, &next, event, attempt);
        }
        Ok(next.waits(now, Duration::MAX).min(Self::POLL))
    }

    /// Adds the current data of the account: the end of the grant, and a relink URL if the person must act.
    async fn completed(&self, event: WebhookEvent) -> Result<WebhookMessage, StoreError> {
        let account = self.accounts.account(event.account).await?;
        let now = self.clock.now();
        let account = account.map(|account| account.as_of(now, &[]));
        // The grant of an account that was given up has already ended.
        let end = account
            .as_ref()
            .filter(|account| account.status != AccountStatus::RelinkRequired)
            .map(Account::known_end);
        let tells_person = matches!(
            event.kind,
            WebhookKind::ExpiresSoon | WebhookKind::RelinkRequired
        );
        // The person may have consented after the event. Then the message has no relink URL.
        let needs_person = match end {
            None => true,
            Some(end) => end.is_some_and(|end| end <= now + Account::NOTICE),
        };
        let to_relink = account.as_ref().filter(|_| tells_person && needs_person);
        Ok(WebhookMessage {
            relink_url: to_relink.and_then(|account| self.relink_urls.url(account, now)),
            expires_at: end.flatten(),
            event,
        })
    }
}

/// Logs the first failure, the end of failures, and dropped events; further failures only at `DEBUG`.
fn log(before: &Receiver, after: &Receiver, event: &WebhookEvent, attempt: DeliveryOutcome) {
    let (receiver, id, kind) = (&after.name, &*event.id, event.kind.as_str());
    let fault = after.last_error.as_ref();
    let (code, detail) = fault.map(|fault| (&*fault.code, &*fault.detail)).unzip();
    match attempt {
        DeliveryOutcome::Delivered if before.failing_since.is_some() => {
            tracing::info!(%receiver, id, kind, "the receiver accepts webhooks again");
        }
        DeliveryOutcome::Delivered => tracing::debug!(%receiver, id, kind, "webhook delivered"),
        DeliveryOutcome::Again if before.failing_since.is_none() => {
            tracing::warn!(%receiver, id, kind, code, detail, "webhook not delivered; the service tries again for a day");
        }
        DeliveryOutcome::Again => {
            tracing::debug!(%receiver, id, kind, code, detail, "webhook not delivered");
        }
        DeliveryOutcome::Dropped => {
            tracing::error!(%receiver, id, kind, code, detail, "webhook dropped: the receiver will not get this event");
        }
    }
}
