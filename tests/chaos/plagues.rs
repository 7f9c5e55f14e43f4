//! Continuous troubles: accounts that their provider rejects for a while, and a wall clock that steps.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_test_sandbox::{Illness, Sandbox};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::asking::Account;
use super::shim::Shim;

/// The rejected accounts. All others must not lose a token because of them.
const PATIENTS: usize = 3;
/// Duration of a rejection, and the longest time until the next one.
const ILL: Duration = Duration::from_secs(6);
/// How long a clock is wrong, and how long it is right in between.
const WRONG: Duration = Duration::from_secs(4);
/// Size of a clock step, in either direction.
const STEP: Duration = Duration::from_secs(2 * 3600);

/// Troubles that continue until they are stopped.
pub(super) struct Plagues {
    sandbox: Arc<Sandbox>,
    shim: Option<Arc<Shim>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Plagues {
    /// Starts to reject accounts and, if there is a shim, to step the clock of the processes.
    pub(super) fn start(
        sandbox: &Arc<Sandbox>,
        accounts: &Arc<Vec<Account>>,
        shim: Option<Arc<Shim>>,
        seed: u64,
    ) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed ^ 0x706c_6167_7565);
        let ill = make_ill(Arc::clone(sandbox), Arc::clone(accounts), dice.fork());
        let mut tasks = vec![tokio::spawn(ill)];
        if let Some(shim) = &shim {
            tasks.push(tokio::spawn(step(Arc::clone(shim), dice)));
        }
        Self {
            sandbox: Arc::clone(sandbox),
            shim,
            tasks,
        }
    }

    /// Ends all of them.
    pub(super) async fn stop(self) {
        for task in self.tasks {
            task.abort();
            // An aborted task returns an error.
            let _ = task.await;
        }
        self.sandbox.faults().clear();
        if let Some(shim) = self.shim {
            shim.set_clock(Duration::ZERO, false);
        }
    }
}

async fn make_ill(sandbox: Arc<Sandbox>, accounts: Arc<Vec<Account>>, mut dice: fastrand::Rng) {
    loop {
        sleep(ILL.mul_f64(dice.f64())).await;
        let person = &accounts[dice.usize(..PATIENTS.min(accounts.len()))].person;
        let illness = if dice.bool() {
            Illness::RateLimited(Duration::from_secs(dice.u64(1..4)))
        } else {
            Illness::ServerError
        };
        sandbox.faults().fall_ill(person, illness);
        sleep(ILL).await;
        sandbox.faults().recover(person);
    }
}

async fn step(shim: Arc<Shim>, mut dice: fastrand::Rng) {
    loop {
        sleep(WRONG.mul_f64(0.5 + dice.f64())).await;
        shim.set_clock(STEP, dice.bool());
        sleep(WRONG.mul_f64(dice.f64())).await;
        shim.set_clock(Duration::ZERO, false);
    }
}
