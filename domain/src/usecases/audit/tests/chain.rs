//! Verifying and shortening the chain.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::*;
use crate::audit::{AuditEnds, AuditPosition, ChainBreak};
use crate::ports::Chained;
use crate::testing::MemoryStore;
use crate::time::Timestamp;
use crate::usecases::{VerifyError, verify_audit};

#[tokio::test]
async fn an_exported_head_reveals_that_an_older_log_was_put_back() {
    let stage = Stage::new().await;
    let chain = AuditChain::new(stage.ports.vault.clone());
    let record = async || {
        let event = AuditEvent::new(AuditKind::RelinkRequired);
        stage.audit.record(event, Actor::Service, None);
        stage.audit.store(true).await.unwrap();
    };
    record().await;
    let verify = async |exported| verify_audit(stage.store.as_ref(), &chain, exported).await;
    let exported = verify(None).await.unwrap().head;
    record().await;
    let verified = verify(Some(exported)).await.unwrap();
    assert_eq!(verified.entries, 2);
    let newer = AuditPosition {
        number: AuditNumber(3),
        mac: verified.head.mac,
    };
    let broken = verify(Some(newer)).await;
    assert!(matches!(
        broken,
        Err(VerifyError::Broken(ChainBreak::OtherHead(_)))
    ));
    stage.clock.advance(secs(400 * 24 * 3600));
    assert_eq!(stage.audit.purge(100).await.unwrap(), 2);
    // Both heads were deleted because they were old. They lie before the signed start, so the check accepts them.
    for old in [exported, verified.head] {
        assert_eq!(verify(Some(old)).await.unwrap().entries, 0);
    }
}

#[tokio::test]
async fn a_clock_that_was_wrong_neither_stops_retention_nor_deletes_young_entries() {
    let stage = Stage::new().await;
    let record = async || {
        let event = AuditEvent::new(AuditKind::RelinkRequired);
        stage.audit.record(event, Actor::Service, None);
        stage.audit.store(true).await.unwrap();
    };
    const DAY: i64 = 24 * 3_600;
    let now = stage.clock_now();
    let set = |days: i64| {
        let at = Timestamp::from_millis(now.as_millis() + days * DAY * 1_000);
        stage.clock.set(at);
    };
    for days in [0, 500, 1, -500, 2] {
        set(days);
        record().await;
    }
    set(89);
    assert_eq!(stage.audit.purge(100).await.unwrap(), 0);
    // Deletes the entry of day 0, which is too old, and the entry of day 500, which is too far ahead.
    set(91);
    assert_eq!(stage.audit.purge(100).await.unwrap(), 2);
    set(92);
    assert_eq!(stage.audit.purge(100).await.unwrap(), 2);
    let chain = AuditChain::new(stage.ports.vault.clone());
    let verified = verify_audit(stage.store.as_ref(), &chain, None).await;
    assert_eq!(verified.unwrap().entries, 1);
}

// A machine without a battery-backed clock starts in the past, until it has synchronized.
#[tokio::test]
async fn a_clock_that_is_behind_deletes_no_log() {
    let stage = Stage::new().await;
    stage.linked().await;
    let before = stage.entries().await.len();
    let now = stage.clock_now();
    stage.clock.set(Timestamp::from_millis(1_451_606_400_000));
    stage.linked().await;
    let after = stage.entries().await.len();
    assert!(after > before);
    assert_eq!(stage.audit.purge(100).await.unwrap(), 0);
    stage.clock.set(now);
    assert_eq!(stage.audit.purge(100).await.unwrap(), 0);
    assert_eq!(stage.entries().await.len(), after);
}

/// A store whose oldest entries are deleted during a read.
struct Shrinking {
    store: Arc<MemoryStore>,
    chain: AuditChain,
    /// How many entries are deleted after each read of the ends.
    by: u64,
}

#[async_trait::async_trait]
impl AuditStore for Shrinking {
    async fn store_entries(&self, entries: &[SignedEntry]) -> Result<(), StoreError> {
        self.store.store_entries(entries).await
    }

    async fn chain_entries(
        &self,
        chain: &AuditChain,
        limit: u64,
        now: Timestamp,
    ) -> Result<Chained, StoreError> {
        self.store.chain_entries(chain, limit, now).await
    }

    async fn audit_entries(
        &self,
        filter: &AuditFilter,
        after: AuditNumber,
        limit: u64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        // Small pages, so that the start moves in the middle of the log.
        self.store.audit_entries(filter, after, limit.min(4)).await
    }

    async fn audit_ends(&self) -> Result<Option<AuditEnds>, StoreError> {
        let ends = self.store.audit_ends().await;
        let none = Timestamp::from_millis(-2)..=Timestamp::from_millis(-1);
        self.purge_entries(&self.chain, none, self.by).await?;
        ends
    }

    async fn purge_entries(
        &self,
        chain: &AuditChain,
        retained: RangeInclusive<Timestamp>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        self.store.purge_entries(chain, retained, limit).await
    }
}

#[tokio::test]
async fn retention_while_the_log_is_verified_is_no_false_alarm() {
    for by in [1, 3, 5, 50] {
        let stage = Stage::new().await;
        let chain = AuditChain::new(stage.ports.vault.clone());
        for _ in 0..100 {
            let event = AuditEvent::new(AuditKind::RelinkRequired);
            stage.audit.record(event, Actor::Service, None);
        }
        stage.audit.store(true).await.unwrap();
        let all = AuditFilter::default();
        let entries = stage.store.audit_entries(&all, AuditNumber(0), 100).await;
        let exported = AuditPosition::of(&entries.unwrap()[1]);
        let store = Shrinking {
            store: Arc::clone(&stage.store),
            chain: chain.clone(),
            by,
        };
        let verified = verify_audit(&store, &chain, Some(exported)).await;
        assert_eq!(verified.unwrap().head.number, AuditNumber(100), "{by}");
    }
}
