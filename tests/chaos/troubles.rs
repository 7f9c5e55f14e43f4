//! Troubles of replicas and their database: whom they hit, what they are, from when to when.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_test_sandbox::Sandbox;
use rustix::process::Signal;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

use crate::support::service::Service;

use super::replicas::Around;

/// Maximum number of replicas in trouble at a time.
const AT_ONCE: usize = 2;
/// The longest pause before the next trouble.
const PAUSE: Duration = Duration::from_millis(2500);
/// How long a process is stopped: sometimes shorter than a lease, sometimes longer, and often about as long, so that it
/// resumes while another replica takes over its work.
const SHORTEST_STOP: Duration = Duration::from_millis(200);
/// The longest stop outlasts a lease by this.
const LONGER: Duration = Duration::from_millis(4500);
/// When the lease of a stopped replica ends, another replica takes over. To hit that replica, the next trouble may begin
/// in a window around this moment. The window begins `BEFORE_TAKEOVER` earlier and is `AROUND_TAKEOVER` long.
const BEFORE_TAKEOVER: Duration = Duration::from_millis(300);
const AROUND_TAKEOVER: Duration = Duration::from_millis(1200);
/// How long a replica is cut off from the database.
const SHORTEST_PARTITION: Duration = Duration::from_secs(2);
const LONGEST_PARTITION: Duration = Duration::from_secs(12);
/// Maximum downtime of a killed process.
const DOWN: Duration = Duration::from_millis(1500);
/// Maximum downtime of a crashed database. With its recovery it is shorter than a lease, so a process with a response
/// still has the time to store it.
const DATABASE_DOWN: Duration = Duration::from_millis(3500);

/// The kind of a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// SIGKILL.
    Killed,
    /// SIGSTOP, and SIGCONT when all earlier leases have expired.
    Frozen,
    /// All packets between the process and the database are lost.
    CutOff,
    /// The database is stopped (fast) and started.
    Restarted,
    /// The database is stopped without a shutdown, and recovers.
    Crashed,
    /// The database ends all connections.
    Disconnected,
    /// The database server is lost, and its synchronous standby takes over.
    FailedOver,
    /// After a failover, a new standby copies the database. Commits wait for the standby once the server names it as
    /// synchronous.
    StandbyReplaced,
    /// The disk of the database fails, or its server becomes read-only.
    DiskFailed,
}

/// How often each kind happens per round of eleven.
const MIX: [(Kind, usize); 7] = [
    (Kind::Killed, 3),
    (Kind::Frozen, 3),
    (Kind::CutOff, 1),
    (Kind::Restarted, 1),
    (Kind::Crashed, 1),
    (Kind::Disconnected, 1),
    (Kind::FailedOver, 1),
];

/// A trouble; times are counted from the start of the sandbox.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    /// The replica; none for the database, whose troubles hit all.
    pub(super) process: Option<usize>,
    /// The earliest time at which it began.
    pub(super) from: Duration,
    /// The time by which it was over: the process was gone, had resumed, or had its database again.
    pub(super) to: Duration,
    /// The time by which the process responded again.
    pub(super) well_at: Duration,
}

/// The state of the troubles.
pub(super) struct Troubles {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) around: Arc<Around>,
    pub(super) dice: fastrand::Rng,
    pub(super) lease: Duration,
    /// None while a replica is in trouble.
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

    /// Causes this many troubles. Returns the replicas, all running, and the troubles.
    pub(super) async fn run(mut self, times: usize) -> (Vec<Service>, Vec<Trouble>) {
        let (mut mix, mut has_stopped) = (Vec::new(), false);
        for _ in 0..times {
            sleep(self.pause(has_stopped)).await;
            has_stopped = mix.last() == Some(&Kind::Frozen);
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

    /// Returns the pause before the next trouble. After a stop it often ends when another replica takes over.
    fn pause(&mut self, has_stopped: bool) -> Duration {
        let share = self.dice.f64();
        if has_stopped && self.dice.bool() {
            self.lease - BEFORE_TAKEOVER + AROUND_TAKEOVER.mul_f64(share)
        } else {
            PAUSE.mul_f64(share)
        }
    }

    fn mix(&mut self) -> Vec<Kind> {
        let permitted = |kind| kind != Kind::CutOff || self.around.can_cut_off();
        let each = MIX.into_iter().filter(|(kind, _)| permitted(*kind));
        let mut mix: Vec<_> = each
            .flat_map(|(kind, count)| std::iter::repeat_n(kind, count))
            .collect();
        self.dice.shuffle(&mut mix);
        mix
    }

    /// Causes trouble for a replica that is well, once there is one.
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
            Kind::Frozen if self.dice.bool() => {
                self.lease - BEFORE_TAKEOVER + AROUND_TAKEOVER.mul_f64(share)
            }
            Kind::Frozen => SHORTEST_STOP + (self.lease + LONGER - SHORTEST_STOP).mul_f64(share),
            Kind::CutOff => {
                SHORTEST_PARTITION + (LONGEST_PARTITION - SHORTEST_PARTITION).mul_f64(share)
            }
            Kind::Crashed => DATABASE_DOWN.mul_f64(share),
            _ => DOWN.mul_f64(share),
        }
    }

    /// Waits until a trouble has ended. Returns false if no trouble is in progress.
    async fn one_is_well_again(&mut self) -> bool {
        let Some(well) = self.under_way.join_next().await else {
            return false;
        };
        let (process, replica, trouble) = well.expect("a replica does not come back");
        self.replicas[process] = Some(replica);
        self.note(trouble);
        true
    }

    fn note(&mut self, trouble: Trouble) {
        let until = trouble.to.max(trouble.well_at);
        let [from, to] = [trouble.from, until].map(|at| at.as_secs_f64());
        let (kind, process) = (trouble.kind, trouble.process);
        eprintln!("{kind:?} {process:?} from {from:.1} s to {to:.1} s");
        self.past.push(trouble);
    }

    async fn database(&mut self, kind: Kind) {
        let (around, down) = (Arc::clone(&self.around), self.length(kind));
        let after = Arc::clone(&self.around);
        let surroundings = Arc::clone(&self.around);
        let all = surroundings.database_is_up.write().await;
        let from = self.sandbox.elapsed();
        let done = spawn_blocking(move || match kind {
            Kind::Restarted => around.cluster().restart(),
            Kind::Crashed => {
                let cluster = around.cluster();
                cluster.kill();
                std::thread::sleep(down);
                cluster.start_again();
            }
            Kind::FailedOver => around.fail_over(),
            _ => around.cluster().cut_connections(&around.database.name),
        });
        done.await.expect("the database does not come back");
        let to = self.sandbox.elapsed();
        self.note(Trouble {
            kind,
            process: None,
            from,
            to,
            well_at: to,
        });
        drop(all);
        if kind == Kind::FailedOver {
            let replaced = spawn_blocking(move || after.replace_standby()).await;
            replaced.expect("no new standby starts");
            self.note(Trouble {
                kind: Kind::StandbyReplaced,
                process: None,
                from: to,
                to: self.sandbox.elapsed(),
                // Processes can refresh meanwhile, if slowly.
                well_at: to,
            });
        }
    }
}

/// Causes a trouble of a replica. Returns when it was over.
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
