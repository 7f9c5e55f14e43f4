//! Processes that are killed at random moments and started again on the same port and database.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_sandbox_poem::Sandbox;
use tokio::time::sleep;

use crate::support::service::Service;

use super::troubles::{Kind, Trouble};

/// The longest time that it stays down.
const DOWN: Duration = Duration::from_millis(800);
/// The longest time that the provider is down, where it ever is.
const OUTAGE: Duration = Duration::from_secs(4);

/// Who kills.
pub(super) struct Killing {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) services: Vec<Service>,
    pub(super) dice: fastrand::Rng,
    /// The longest time that a process lives after it answers again.
    pub(super) lives: Duration,
    /// Whether the provider goes down, too, now and then.
    pub(super) outages: bool,
}

impl Killing {
    /// Kills so many times; the processes, all running, and the kills.
    pub(super) async fn run(mut self, times: usize) -> (Vec<Service>, Vec<Trouble>) {
        let mut kills = Vec::new();
        while kills.len() < times {
            self.pause(self.lives).await;
            let first = self.dice.usize(..self.services.len());
            // Where there are several, now and then all of them die together.
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
            let killed = kills.len() - doomed.len();
            for (process, kill) in doomed.into_iter().zip(&mut kills[killed..]) {
                self.services[process].run().await;
                kill.well_at = self.sandbox.elapsed();
            }
        }
        (self.services, kills)
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
