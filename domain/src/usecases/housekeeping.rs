//! Housekeeping of replicas that share one store: each replica reports that it runs, and repairs stored times from a
//! wrong clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{AuditLog, Ports, Settings};
use crate::audit::{Actor, AuditFilter, AuditNumber};
use crate::clock_step::ClockStepDetector;
use crate::lock::lock;
use crate::ports::{AuditStore, Clock, ClockStepStore, KeyStore, ReplicaStore, StoreError};
use crate::replica::ReplicaReport;
use crate::time::Timestamp;

/// Maximum number of rows of each kind that one call makes due, so that not all rows with a wrong time are due in the
/// same second.
const CLOCK_STEP_BATCH: u64 = 500;
/// How long keys are stored after they have expired.
const EXPIRED_KEYS_STAY: Duration = Duration::from_secs(30 * 24 * 3600);

/// Reports this replica to the store, repairs stored times from a clock that was ahead, and deletes expired keys.
pub struct Housekeeping {
    replicas: Arc<dyn ReplicaStore>,
    audit: Arc<dyn AuditStore>,
    log: Arc<AuditLog>,
    clock_steps: Arc<dyn ClockStepStore>,
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    report: ReplicaReport,
    steps: Mutex<ClockStepDetector>,
    /// A time that has passed for certain, and the uptime at which it was read; `None` until it is needed.
    passed: Mutex<Option<(Timestamp, Duration)>>,
}

impl Housekeeping {
    pub(super) fn new(ports: &Ports, settings: &Settings) -> Self {
        let report = ReplicaReport {
            instance: ports.entropy.hex::<16>(),
            name: settings.replica_name.clone(),
            version: settings.version.clone(),
            started_at: ports.clock.now(),
        };
        Self {
            replicas: ports.store.clone(),
            audit: ports.store.clone(),
            log: Arc::clone(&ports.audit),
            clock_steps: ports.store.clone(),
            keys: ports.store.clone(),
            clock: Arc::clone(&ports.clock),
            report,
            steps: Mutex::default(),
            passed: Mutex::default(),
        }
    }

    /// Makes work due whose stored due time is too far ahead, because a clock was ahead when the time was stored
    /// ([`ClockStepStore::undo_clock_steps`]).
    ///
    /// # Errors
    /// When the store fails.
    pub async fn undo_clock_steps(&self) -> Result<(), StoreError> {
        if !lock(&self.steps).has_begun() {
            let stored = latest_stored(&*self.replicas, &*self.audit).await?;
            lock(&self.steps).begin(stored, &*self.clock);
        }
        let pause = lock(&self.steps).longest_pause(&*self.clock);
        let now = self.clock.now();
        let rows = self
            .clock_steps
            .undo_clock_steps(now, pause, CLOCK_STEP_BATCH);
        let rows = rows.await?;
        if rows > 0 {
            tracing::warn!(
                rows,
                "the clock was set back; work that was scheduled too far in the future is due now"
            );
        }
        Ok(())
    }

    /// Deletes up to `limit` keys that expired more than 30 days ago. Returns how many. Deletes no valid key while the
    /// clock is ahead, because the audit log and the uptime of this process must show that the 30 days have passed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn purge_keys(&self, limit: u64) -> Result<u64, StoreError> {
        let Some(passed) = self.passed_time().await? else {
            return Ok(0);
        };
        let expired_before = passed.min(self.clock.now()) - EXPIRED_KEYS_STAY;
        let audit = self.log.draft(Actor::Service, None);
        self.keys.purge_keys(expired_before, limit, audit).await
    }

    /// Returns a time that has passed even if the clock is ahead: the median time of the last audit entries when this
    /// was first called, plus the uptime since. Returns `None` while the audit log is empty.
    async fn passed_time(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut known = *lock(&self.passed);
        if known.is_none() {
            let mut written = last_written(&*self.audit).await?;
            written.sort_unstable();
            // Of two in the middle, the earlier one.
            let median = written.get(written.len().saturating_sub(1) / 2);
            known = median.map(|at| (*at, self.clock.uptime()));
            *lock(&self.passed) = known;
        }
        let uptime = self.clock.uptime();
        Ok(known.map(|(at, since)| at + uptime.saturating_sub(since)))
    }

    /// Reports that this replica runs.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn check_in(&self) -> Result<(), StoreError> {
        self.replicas.check_in(&self.report, self.clock.now()).await
    }

    /// Reports that this replica stops.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn check_out(&self) -> Result<(), StoreError> {
        self.replicas.check_out(&self.report.instance).await
    }
}

/// Maximum number of entries that [`last_written`] reads from the end of the audit log.
const LATEST_ENTRIES: i64 = 100;

/// Returns the latest time among the replicas' reports and the last audit entries.
pub(super) async fn latest_stored(
    replicas: &dyn ReplicaStore,
    audit: &dyn AuditStore,
) -> Result<Option<Timestamp>, StoreError> {
    let replicas = replicas.replicas().await?;
    let seen = replicas.into_iter().map(|replica| replica.seen_at).max();
    let written = last_written(audit).await?.into_iter().max();
    Ok(seen.max(written))
}

/// Returns the times of the last [`LATEST_ENTRIES`] audit entries.
pub(super) async fn last_written(audit: &dyn AuditStore) -> Result<Vec<Timestamp>, StoreError> {
    let Some(ends) = audit.audit_ends().await? else {
        return Ok(Vec::new());
    };
    let before = AuditNumber(ends.head.number.0.saturating_sub(LATEST_ENTRIES));
    let (all, limit) = (AuditFilter::default(), LATEST_ENTRIES.unsigned_abs());
    let entries = audit.audit_entries(&all, before, limit).await?;
    Ok(entries.into_iter().map(|entry| entry.content.at).collect())
}
