//! Restarts a server that has ended by itself.

use std::process::Stdio;
use std::time::Duration;

use crate::cluster::{Cluster, IMMEDIATE};
use crate::waiting::wait_until;

/// How long a server that has crashed by itself may take to recover by itself.
const RECOVERY: Duration = Duration::from_secs(2);

impl Cluster {
    /// Restarts the server if it has ended by itself or accepts no connections. Returns when it accepts connections.
    ///
    /// # Panics
    ///
    /// If the server does not start.
    pub fn revive(&self) {
        let is_well = || self.lock().is_running() && self.answers();
        if !wait_until(RECOVERY, is_well) {
            self.lock().stop_if_started(IMMEDIATE);
            self.start_again();
        }
    }

    /// Whether the server runs a statement.
    fn answers(&self) -> bool {
        let mut psql = self.client("psql", "postgres");
        let psql = psql.args(["-XqAt", "-c", "SELECT 1"]).stdin(Stdio::null());
        let psql = psql.stderr(Stdio::null()).env("PGCONNECT_TIMEOUT", "2");
        psql.output().is_ok_and(|output| output.status.success())
    }
}
