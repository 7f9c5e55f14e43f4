//! What goes on beside the troubles: accounts that their provider refuses for a while, and a wall clock that steps.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_sandbox_poem::{Illness, Sandbox};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::asking::Account;
use super::shim::Shim;

/// Accounts that fall ill. All others stay well: these must not cost them a token.
const PATIENTS: usize = 3;
/// How long an illness lasts, and the longest time until the next one.
const ILL: Duration = Duration::from_secs(6);
/// How long a clock is wrong, and how long it is right in between.
const WRONG: Duration = Duration::from_secs(4);
/// How far a clock steps, in either direction.
const STEP: Duration = Duration::from_secs(2 * 3600);

/// What goes on until it is stopped.
pub(super) struct Plagues {
    sandbox: Arc<Sandbox>,
    shim: Option<Arc<Shim>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Plagues {
    /// Lets accounts fall ill and, where there is a shim, the clock of the processes step.
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

    /// Ends all of it.
    pub(super) async fn stop(self) {
        for task in self.tasks {
            task.abort();
            // It has ended one way or another.
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
