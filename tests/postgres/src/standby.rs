//! A synchronous standby, and the failover to it.

use std::path::Path;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::programs::{Account, postgres_program, run};
use crate::settings::USER;
use crate::waiting::wait_until;

/// The name under which a standby is known to its primary.
const NAME: &str = "standby";
const WITHIN: Duration = Duration::from_secs(30);

impl Cluster {
    /// Starts a standby of this server. After this call, every commit on this server waits until the standby has
    /// received it.
    ///
    /// # Panics
    ///
    /// If the standby does not start or does not connect.
    #[must_use]
    pub fn start_standby(&self) -> Self {
        let fill = |folder: &Path, account: Account| self.copy_to(folder, account);
        let password = self.password.clone();
        let standby = Self::start_filled(self.reach, password, |_| Vec::new(), fill);
        // Waits until the standby streams before it is made synchronous, because commits wait for a synchronous
        // standby.
        let state = "SELECT state FROM pg_stat_replication";
        let is_streaming = wait_until(WITHIN, || self.execute("postgres", state) == "streaming");
        assert!(
            is_streaming,
            "no streaming standby:\n{}",
            standby.log_tail()
        );
        self.execute(
            "postgres",
            &format!("ALTER SYSTEM SET synchronous_standby_names = '{NAME}'"),
        );
        self.execute("postgres", "SELECT pg_reload_conf()");
        let state = "SELECT sync_state FROM pg_stat_replication";
        let is_sync = wait_until(WITHIN, || self.execute("postgres", state) == "sync");
        assert!(is_sync, "no synchronous standby:\n{}", standby.log_tail());
        standby
    }

    fn copy_to(&self, folder: &Path, account: Account) {
        let mut copy = account.command(postgres_program("pg_basebackup"));
        let primary = format!(
            "host={} port={} user={USER} application_name={NAME}",
            self.folder.display(),
            self.port()
        );
        copy.args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf"]);
        copy.arg("--dbname").arg(primary);
        run(copy
            .arg("--pgdata")
            .arg(folder.join("data"))
            .current_dir("/"));
    }

    /// Kills the primary, promotes this standby, and moves this server to the port of the primary.
    ///
    /// # Panics
    ///
    /// If this server is no standby, or does not start at the port of the primary.
    pub fn take_over(&self, primary: &Self) {
        primary.kill();
        self.execute("postgres", "SELECT pg_promote()");
        self.move_to(primary.port());
    }
}
