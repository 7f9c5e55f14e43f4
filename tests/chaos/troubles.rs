//! What befalls replicas and their database: who, what, from when to when.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_sandbox_poem::Sandbox;
use rustix::process::Signal;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

use crate::support::service::Service;

use super::replicas::Around;

/// The most replicas that are in trouble at one time.
const AT_ONCE: usize = 2;
/// The longest pause before the next trouble.
const PAUSE: Duration = Duration::from_millis(2500);
/// How much longer than a lease a process is stopped, at least: those who take over what it had in hand have done so by
/// then. Where it runs on while they do, two answers to one refresh token are stored in the order in which they come;
/// see docs/TESTING.md, what is open.
const LONGER_AT_LEAST: Duration = Duration::from_millis(1500);
/// By how much more, at most.
const LONGER: Duration = Duration::from_secs(3);
/// How long a replica is cut off from the database.
const SHORTEST_PARTITION: Duration = Duration::from_secs(2);
const LONGEST_PARTITION: Duration = Duration::from_secs(12);
/// The longest time that a killed process stays down.
const DOWN: Duration = Duration::from_millis(1500);
/// The longest time that a database stays down that crashed. With its recovery it is shorter than a lease: who has an
/// answer in hand still has the time to store it.
const DATABASE_DOWN: Duration = Duration::from_millis(3500);

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// SIGKILL.
    Killed,
    /// SIGSTOP, and SIGCONT when every lease of before has lapsed.
    Frozen,
    /// Nothing gets through between the process and the database.
    CutOff,
    /// The database is stopped, fast, and started.
    Restarted,
    /// The database is stopped without any tidying up, and recovers.
    Crashed,
    /// The database ends all connections.
    Disconnected,
}

/// How often each happens while all happen once: ten in all.
const MIX: [(Kind, usize); 6] = [
    (Kind::Killed, 3),
    (Kind::Frozen, 3),
    (Kind::CutOff, 1),
    (Kind::Restarted, 1),
    (Kind::Crashed, 1),
    (Kind::Disconnected, 1),
];

/// Something that happened, counted from the start of the sandbox.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    /// To whom; to all where it is the database's.
    pub(super) process: Option<usize>,
    /// It had not begun before this.
    pub(super) from: Duration,
    /// It was over by then: the process was gone, ran on, or had its database again.
    pub(super) to: Duration,
    /// The process answered again by then.
    pub(super) well_at: Duration,
}

/// Who makes trouble.
pub(super) struct Troubles {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) around: Arc<Around>,
    pub(super) dice: fastrand::Rng,
    /// How long a lease lasts.
    pub(super) lease: Duration,
    /// None while one is in trouble.
    replicas: Vec<Option<Service>>,
    under_way: JoinSet<(usize, Service, Trouble)>,
    past: Vec<Trouble>,
}

impl Troubles {
    pub(super) fn new(
        sandbox: &Arc<Sandbox>,
        around: &Arc<Around>,
        services: Vec<Service>,
        lease: Duration,
        seed: u64,
    ) -> Self {
        Self {
            sandbox: Arc::clone(sandbox),
            around: Arc::clone(around),
            dice: fastrand::Rng::with_seed(seed),
            lease,
            replicas: services.into_iter().map(Some).collect(),
            under_way: JoinSet::new(),
            past: Vec::new(),
        }
    }

    /// Makes so many; the replicas, all running, and what happened.
    pub(super) async fn run(mut self, times: usize) -> (Vec<Service>, Vec<Trouble>) {
        let mut mix = Vec::new();
        for _ in 0..times {
            sleep(PAUSE.mul_f64(self.dice.f64())).await;
            if mix.is_empty() {
                mix = self.mix();
            }
            match mix.pop() {
                Some(kind @ (Kind::Killed | Kind::Frozen | Kind::CutOff)) => {
                    self.begin(kind).await;
                }
                Some(kind) => self.database(kind).await,
                None => {}
            }
        }
        while self.one_is_well_again().await {}
        let replicas = self.replicas.into_iter().flatten().collect();
        (replicas, self.past)
    }

    fn mix(&mut self) -> Vec<Kind> {
        let permitted = |kind| kind != Kind::CutOff || self.around.namespace.is_some();
        let each = MIX.into_iter().filter(|(kind, _)| permitted(*kind));
        let mut mix: Vec<_> = each
            .flat_map(|(kind, count)| std::iter::repeat_n(kind, count))
            .collect();
        self.dice.shuffle(&mut mix);
        mix
    }

    /// Brings trouble to a replica that is well, once there is one.
    async fn begin(&mut self, kind: Kind) {
        let count = self.replicas.len();
        let only = (kind == Kind::CutOff).then(|| count - 1);
        let first = only.unwrap_or_else(|| self.dice.usize(..count));
        let turn = if only.is_some() { 1 } else { count };
        let process = loop {
            let mut turns = (0..turn).map(|turn| (first + turn) % count);
            match turns.find(|process| self.replicas[*process].is_some()) {
                Some(process) if self.under_way.len() < AT_ONCE => break process,
                _ => self.one_is_well_again().await,
            };
        };
        let Some(replica) = self.replicas[process].take() else {
            return;
        };
        let (sandbox, around) = (Arc::clone(&self.sandbox), Arc::clone(&self.around));
        let length = self.length(kind);
        self.under_way.spawn(async move {
            let mut replica = replica;
            let from = sandbox.elapsed();
            let to = befall(kind, &mut replica, &around, &sandbox, length).await;
            let trouble = Trouble {
                kind,
                process: Some(process),
                from,
                to,
                well_at: sandbox.elapsed(),
            };
            (process, replica, trouble)
        });
    }

    fn length(&mut self, kind: Kind) -> Duration {
        let share = self.dice.f64();
        match kind {
            Kind::Frozen => self.lease + LONGER_AT_LEAST + LONGER.mul_f64(share),
            Kind::CutOff => {
                SHORTEST_PARTITION + (LONGEST_PARTITION - SHORTEST_PARTITION).mul_f64(share)
            }
            Kind::Crashed => DATABASE_DOWN.mul_f64(share),
            _ => DOWN.mul_f64(share),
        }
    }

    /// Waits for the next; whether there was one.
    async fn one_is_well_again(&mut self) -> bool {
        let Some(well) = self.under_way.join_next().await else {
            return false;
        };
        let (process, replica, trouble) = well.expect("a replica does not come back");
        self.replicas[process] = Some(replica);
        self.past.push(trouble);
        true
    }

    async fn database(&mut self, kind: Kind) {
        let (around, down) = (Arc::clone(&self.around), self.length(kind));
        let _all = self.around.database_is_up.write().await;
        let from = self.sandbox.elapsed();
        let done = spawn_blocking(move || match kind {
            Kind::Restarted => around.cluster.restart(),
            Kind::Crashed => {
                around.cluster.kill();
                std::thread::sleep(down);
                around.cluster.start_again();
            }
            _ => around.cluster.cut_connections(&around.database.name),
        });
        done.await.expect("the database does not come back");
        let to = self.sandbox.elapsed();
        self.past.push(Trouble {
            kind,
            process: None,
            from,
            to,
            well_at: to,
        });
    }
}

/// What befalls a replica; when it was over.
async fn befall(
    kind: Kind,
    replica: &mut Service,
    around: &Around,
    sandbox: &Sandbox,
    length: Duration,
) -> Duration {
    match (kind, &around.namespace) {
        (Kind::Frozen, _) => {
            replica.signal(Signal::STOP);
            sleep(length).await;
            replica.signal(Signal::CONT);
            sandbox.elapsed()
        }
        (Kind::CutOff, Some(namespace)) => {
            namespace.cut_off();
            sleep(length).await;
            namespace.join();
            sandbox.elapsed()
        }
        _ => {
            replica.kill().await;
            let gone_at = sandbox.elapsed();
            sleep(length).await;
            let _up = around.database_is_up.read().await;
            replica.run().await;
            gone_at
        }
    }
}
