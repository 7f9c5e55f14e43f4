//! The stored row of a receiver. A missing row is added, and an altered row is reset.

use super::WebhookDispatcher;
use crate::audit::{Actor, AuditEntry, AuditEvent, AuditFilter, AuditKind, AuditNumber};
use crate::ports::StoreError;
use crate::webhook::Receiver;

impl WebhookDispatcher {
    /// Returns the stored receiver. `None` if its row was missing or has an invalid MAC: then the row is added, or
    /// reset to the last entry that this process has processed, so that nobody can make the receiver skip events.
    pub(super) async fn stored(&mut self) -> Result<Option<Receiver>, StoreError> {
        match self.store.receiver(&self.to.receiver).await? {
            Some(stored) if self.macs.is_genuine_receiver(&stored) => {
                self.seen = self.seen.max(stored.position);
                return Ok(Some(stored));
            }
            Some(altered) => {
                if self.save(&altered.reset(self.seen)).await? {
                    let altered = self.event(AuditKind::ReceiverAltered);
                    self.log.record(altered, Actor::Service, None);
                    self.report_altered();
                }
            }
            None => self.add().await?,
        }
        Ok(None)
    }

    /// Adds the missing row of the receiver. If the receiver is not new, somebody has deleted its row.
    async fn add(&self) -> Result<(), StoreError> {
        let is_new = self.seen == AuditNumber(0) && !self.was_added().await?;
        let (kind, position) = match is_new {
            true => (AuditKind::ReceiverAdded, None),
            false => (AuditKind::ReceiverAltered, Some(self.seen)),
        };
        let entry = self.log.draft(Actor::Service, None).entry(self.event(kind));
        let (name, macs) = (&self.to.receiver, &self.macs);
        let added = self.store.add_receiver(name, position, macs, entry);
        if added.await? && !is_new {
            self.report_altered();
        }
        Ok(())
    }

    /// Whether the audit log has an entry about the addition of this receiver.
    async fn was_added(&self) -> Result<bool, StoreError> {
        let filter = AuditFilter {
            kind: Some(AuditKind::ReceiverAdded),
            ..AuditFilter::default()
        };
        let added = self.audit.audit_entries(&filter, AuditNumber(0), u64::MAX);
        let name = self.to.receiver.as_str();
        let is_of = |entry: &AuditEntry| entry.content.detail("receiver") == Some(name);
        Ok(added.await?.iter().any(is_of))
    }

    fn event(&self, kind: AuditKind) -> AuditEvent {
        AuditEvent::new(kind).with("receiver", &self.to.receiver)
    }

    fn report_altered(&self) {
        let (receiver, position) = (&self.to.receiver, self.seen);
        tracing::error!(%receiver, %position, "the row of a receiver of webhooks was changed in the database, but not by this service; events after this entry of the audit log are sent again");
    }

    pub(super) async fn save(&self, next: &Receiver) -> Result<bool, StoreError> {
        let next = self.macs.authenticated_receiver(next);
        self.store.save_receiver(&next).await
    }
}
