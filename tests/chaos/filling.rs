//! A disk that fills up, becomes read-only or fails at random moments, while the process on it is killed.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_test_postgres::{Cluster, Database};
use central_oauth_test_sandbox::Sandbox;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::support::service::Service;

use super::disk::SmallDisk;
use super::shim::{DiskFault, Shim};
use super::troubles::{Kind, Trouble};

/// The longest time between two faults.
const PAUSE: Duration = Duration::from_millis(2500);
/// How long a fault lasts.
const SHORTEST: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_millis(5000);
/// Maximum free space of a full disk: less than a row of tokens may need, or a little more.
const LEFT: usize = 64 * 1024;

/// The storage of a service's database.
pub(super) struct Storage {
    pub(super) shim: Shim,
    /// The disk of `SQLite`, if a file system can be mounted.
    disk: Option<SmallDisk>,
    /// None where the database is a file.
    server: Option<(Arc<Cluster>, Database)>,
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The file system has no room left.
    Filled(usize),
    /// Writes fail.
    Shim(DiskFault),
    /// The database server takes no writes, as after a failover to a standby.
    Standby,
}

impl Storage {
    /// Prepares a `SQLite` database on a disk of its own.
    pub(super) fn file(service: &mut Service) -> Self {
        let (shim, disk) = (Shim::new(), SmallDisk::mount());
        if let Err(why) = &disk {
            eprintln!("the disk is filled by the shim alone: {why}");
        }
        let disk = disk.ok();
        let folder = match &disk {
            Some(disk) => {
                service.run_by(disk.enter());
                disk.path().to_owned()
            }
            None => service.file("disk"),
        };
        if disk.is_none() {
            std::fs::create_dir(&folder).expect("cannot make a folder");
        }
        let database = folder.join("central-oauth.sqlite3");
        service.set("DB_PATH", &database.display().to_string());
        for (name, value) in shim.variables(&folder) {
            service.set_other(name, &value.display().to_string());
        }
        Self {
            shim,
            disk,
            server: None,
        }
    }

    /// Starts a `PostgreSQL` server whose disk can fail.
    pub(super) fn server(service: &mut Service) -> Self {
        let shim = Shim::new();
        let cluster = Cluster::start_in(|data| {
            let variables = shim.variables(data).into_iter();
            variables
                .map(|(name, value)| (name.to_owned(), value.display().to_string()))
                .collect()
        });
        let database = cluster.create_database();
        service.set("DATABASE_URL", &database.url);
        Self {
            shim,
            disk: None,
            server: Some((Arc::new(cluster), database)),
        }
    }

    async fn begin(&self, fault: Fault) {
        match fault {
            Fault::Filled(left) => self.disk.iter().for_each(|disk| disk.fill(left)),
            Fault::Shim(fault) => self.shim.set_disk(Some(fault)),
            Fault::Standby => self.set_read_only(true).await,
        }
    }

    /// Ends a fault. On return the database is writable again.
    async fn heal(&self, fault: Fault) {
        self.shim.set_disk(None);
        self.disk.iter().for_each(SmallDisk::make_room);
        let Some((cluster, _)) = &self.server else {
            return;
        };
        let cluster = Arc::clone(cluster);
        let revived = spawn_blocking(move || cluster.revive()).await;
        revived.expect("the database does not come back");
        if matches!(fault, Fault::Standby) {
            self.set_read_only(false).await;
        }
    }

    async fn set_read_only(&self, is_read_only: bool) {
        let Some((cluster, database)) = &self.server else {
            return;
        };
        let (cluster, name) = (Arc::clone(cluster), database.name.clone());
        let value = if is_read_only { "on" } else { "off" };
        let set = spawn_blocking(move || {
            let setting = format!("ALTER SYSTEM SET default_transaction_read_only = {value}");
            cluster.execute("postgres", &setting);
            cluster.execute("postgres", "SELECT pg_reload_conf()");
            // After a failover, clients lose their connections and connect again.
            cluster.cut_connections(&name);
        });
        set.await.expect("the database takes no setting");
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<_> = DiskFault::ALL.map(Fault::Shim).to_vec();
        if self.disk.is_some() {
            // Twice as often as each of the others, with different amounts of free space.
            faults.extend([Fault::Filled(0), Fault::Filled(LEFT)]);
        }
        if self.server.is_some() {
            faults.push(Fault::Standby);
        }
        faults
    }
}

/// Breaks the disk.
pub(super) struct Filling {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) service: Service,
    pub(super) storage: Arc<Storage>,
    pub(super) dice: fastrand::Rng,
}

impl Filling {
    /// Makes the storage fail `times` times. Returns the running service and the faults.
    pub(super) async fn run(mut self, times: usize) -> (Vec<Service>, Vec<Trouble>) {
        let (mut troubles, mut faults) = (Vec::new(), Vec::new());
        for _ in 0..times {
            sleep(PAUSE.mul_f64(self.dice.f64())).await;
            if faults.is_empty() {
                faults = self.storage.faults();
                self.dice.shuffle(&mut faults);
            }
            if let Some(fault) = faults.pop() {
                self.befall(fault, &mut troubles).await;
            }
        }
        (vec![self.service], troubles)
    }

    async fn befall(&mut self, fault: Fault, troubles: &mut Vec<Trouble>) {
        let fault = match fault {
            Fault::Filled(left) => Fault::Filled(self.dice.usize(..=left)),
            other => other,
        };
        let length = SHORTEST + (LONGEST - SHORTEST).mul_f64(self.dice.f64());
        // The process is killed during the fault, right after it, or not at all.
        let kill_after = (self.dice.u8(..2) == 0).then(|| length.mul_f64(1.2 * self.dice.f64()));
        let from = self.sandbox.elapsed();
        self.storage.begin(fault).await;
        let mut killed = None;
        if let Some(after) = kill_after.filter(|after| *after < length) {
            sleep(after).await;
            killed = Some(self.kill().await);
            sleep(length - after).await;
        } else {
            sleep(length).await;
        }
        self.storage.heal(fault).await;
        let to = self.sandbox.elapsed();
        troubles.push(Trouble {
            kind: Kind::DiskFailed,
            process: None,
            from,
            to,
            well_at: to,
        });
        if let Some(after) = kill_after.filter(|after| *after >= length) {
            sleep(after - length).await;
            killed = Some(self.kill().await);
        }
        if let Some(mut kill) = killed {
            self.service.run().await;
            kill.well_at = self.sandbox.elapsed();
            troubles.push(kill);
        }
    }

    async fn kill(&mut self) -> Trouble {
        let from = self.sandbox.elapsed();
        self.service.kill().await;
        let to = self.sandbox.elapsed();
        Trouble {
            kind: Kind::Killed,
            process: Some(0),
            from,
            to,
            well_at: to,
        }
    }
}
