//! Processes that are killed at random moments and started again on the same port and database.

use std::io;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_test_sandbox::Sandbox;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::support::service::Service;

use super::troubles::{Kind, Trouble};

/// Maximum downtime.
const DOWN: Duration = Duration::from_millis(800);
/// Maximum downtime of the provider, if it is stopped at all.
const OUTAGE: Duration = Duration::from_secs(4);

/// The new secret key of the service.
const NEW_KEY: &str = "ffeeddccbbaa99887766554433221100f0e1d2c3b4a5968778695a4b3c2d1e0f";

/// Kills and restarts processes at random moments.
pub(super) struct Killing {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) services: Vec<Service>,
    pub(super) dice: fastrand::Rng,
    /// Maximum lifetime of a process after it responds again.
    pub(super) lives: Duration,
    /// Whether the provider is stopped too, now and then.
    pub(super) outages: bool,
    /// Whether the secret key is changed meanwhile. Only for one process.
    pub(super) changes_key: bool,
}

impl Killing {
    /// Kills this many times. Returns the processes, all running, and the kills.
    pub(super) async fn run(mut self, times: usize) -> (Vec<Service>, Vec<Trouble>) {
        let mut kills = Vec::new();
        let mut rekeying = None;
        while kills.len() < times {
            self.pause(self.lives).await;
            let first = self.dice.usize(..self.services.len());
            // With several processes, sometimes all of them are killed together.
            let all = self.dice.u8(..4) == 0;
            let count = self.services.len();
            let mut doomed = vec![first];
            doomed.extend((0..count).filter(|other| all && *other != first));
            for process in &doomed {
                kills.push(self.kill(*process).await);
            }
            if self.outages && self.dice.u8(..4) == 0 {
                let outage = OUTAGE.mul_f64(self.dice.f64());
                self.sandbox.faults().go_down_for(outage);
            }
            if self.dice.bool() {
                self.pause(DOWN).await;
            }
            if self.changes_key && kills.len() == times / 3 {
                self.promote_key();
            }
            if kills.len() == 2 * times / 3 {
                self.forget_key(rekeying.take()).await;
            }
            let killed = kills.len() - doomed.len();
            for (process, kill) in doomed.into_iter().zip(&mut kills[killed..]) {
                self.services[process].run().await;
                kill.well_at = self.sandbox.elapsed();
            }
            if self.changes_key && kills.len() == times / 3 {
                let rekey = self.services[0].command(&["rekey"]).output();
                rekeying = Some(tokio::spawn(rekey));
            }
        }
        (self.services, kills)
    }

    /// Gives the process that starts next a new secret key. The old one still decrypts existing values.
    fn promote_key(&mut self) {
        let service = &mut self.services[0];
        service.set("SECRET_KEY", NEW_KEY);
        service.set("PREVIOUS_SECRET_KEYS", Service::SECRET_KEY);
    }

    /// Removes the old key of the process that starts next: it starts only if nothing needs that key any more.
    async fn forget_key(&mut self, rekeying: Option<JoinHandle<io::Result<Output>>>) {
        let Some(rekeying) = rekeying else {
            return;
        };
        let output = rekeying.await.expect("the task has failed");
        let output = output.expect("cannot run rekey");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rekey: {said}");
        self.services[0].set("PREVIOUS_SECRET_KEYS", "");
    }

    async fn kill(&mut self, process: usize) -> Trouble {
        let from = self.sandbox.elapsed();
        self.services[process].kill().await;
        let to = self.sandbox.elapsed();
        Trouble {
            kind: Kind::Killed,
            process: Some(process),
            from,
            to,
            well_at: to,
        }
    }

    async fn pause(&mut self, longest: Duration) {
        sleep(longest.mul_f64(self.dice.f64())).await;
    }
}
