//! Housekeeping of replicas that share one store: each replica reports that it runs, and repairs stored times from a
//! wrong clock.

use std::sync::{Arc, Mutex};

use super::{Ports, Settings};
use crate::clock_step::ClockStepDetector;
use crate::lock::lock;
use crate::ports::{Clock, ClockStepStore, ReplicaStore, StoreError};
use crate::replica::ReplicaReport;

/// Maximum number of rows of each kind that one call makes due, so that not all rows with a wrong time are due in the
/// same second.
const CLOCK_STEP_BATCH: u64 = 500;

/// Reports this replica to the store, and repairs stored times from a clock that was ahead.
pub struct Housekeeping {
    replicas: Arc<dyn ReplicaStore>,
    clock_steps: Arc<dyn ClockStepStore>,
    clock: Arc<dyn Clock>,
    report: ReplicaReport,
    steps: Mutex<ClockStepDetector>,
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
            clock_steps: ports.store.clone(),
            clock: Arc::clone(&ports.clock),
            report,
            steps: Mutex::default(),
        }
    }

    /// Makes work due if the time for which it waits is too far ahead, because a clock was ahead when that time was
    /// stored ([`ClockStepStore::undo_clock_steps`]).
    ///
    /// # Errors
    /// When the store fails.
    pub async fn undo_clock_steps(&self) -> Result<(), StoreError> {
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
