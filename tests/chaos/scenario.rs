//! One run: link, ask, kill, wait until all is quiet, check every account, judge.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_test_sandbox::{AutoPerson, Fault, Odds, Place, Reuse, Sandbox, SandboxOptions};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::support::http;
use crate::support::process::within;
use crate::support::service::Service;

use super::accounts::{link_all, look_at_all};
use super::asking::Asking;
use super::filling::{Filling, Storage};
use super::judge::{ARRIVES_WITHIN, Case, repeats};
use super::kept_logs;
use super::killing::Killing;
use super::liveness::Design;
use super::plagues::Plagues;
use super::promises::Check;
use super::replicas::{self, Around};
use super::report::Report;
use super::shim::Shim;
use super::size::Size;
use super::troubles::{Trouble, Troubles};
use super::writing::Writing;

/// Lifetime of access tokens.
const LIFETIME: Duration = Duration::from_secs(5);
/// The pause before the first probe of an outage, including the random part.
const PROBE_PAUSE: Duration = Duration::from_millis(1250);
/// How long a process may take to start and to process what is due, on a busy machine.
const RESTART: Duration = Duration::from_secs(6);
/// A lease lasts this much longer than the service's provider timeout.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// Runs at one time, whatever the number of test threads: more need more processor time than the judge allows.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// What is tested.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) processes: usize,
    /// The database, and the troubles.
    pub(crate) stage: Stage,
    /// The service's provider timeout.
    pub(crate) provider_timeout: Duration,
    /// Maximum lifetime of a process after it responds again.
    pub(crate) lives: Duration,
    /// Maximum delay of a token response, as over a network, so that kills hit refreshes in progress.
    pub(crate) answers_within: Duration,
    /// The provider's reaction to a reused refresh token.
    pub(crate) reuse: Reuse,
    /// Whether the network fails too.
    pub(crate) faults: bool,
    /// Whether the wall clock of the processes steps, and the secret key is changed under load.
    pub(crate) clock_steps: bool,
}

/// The database, and the troubles.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// One file. Processes are killed.
    File,
    /// A `PostgreSQL` server. Processes are killed, stopped and cut off from it, and it restarts, crashes and fails over.
    Server,
    /// One file on a disk that fails, with a process that is killed.
    FailingFile,
    /// A `PostgreSQL` server on a disk that fails, with a process that is killed.
    FailingServer,
}

impl Scenario {
    /// Returns whether several replicas share a server.
    pub(super) fn has_replicas(&self) -> bool {
        self.stage == Stage::Server
    }

    pub(super) fn disk_fails(&self) -> bool {
        matches!(self.stage, Stage::FailingFile | Stage::FailingServer)
    }

    /// Returns whether the provider accepts each retry that a lost response needs.
    pub(super) fn grants_retries(&self) -> bool {
        matches!(self.reuse, Reuse::Retries(_))
    }
}

/// The environment of the processes.
enum Surroundings {
    Nothing,
    Replicas(Arc<Around>),
    Storage(Arc<Storage>),
}

/// Prints when this process got no processor time for a while, for example because the machine was suspended. What goes
/// wrong around such a time need not be the service's fault.
fn watch_for_stalls(sandbox: &Arc<Sandbox>) {
    const BEAT: Duration = Duration::from_millis(100);
    const STALL: Duration = Duration::from_secs(1);
    let sandbox = Arc::downgrade(sandbox);
    std::thread::spawn(move || {
        let mut last = Instant::now();
        while let Some(elapsed) = sandbox.upgrade().map(|sandbox| sandbox.elapsed()) {
            if last.elapsed() > STALL {
                eprintln!(
                    "THIS PROCESS STOOD STILL for {:.1?}, until {elapsed:.1?}",
                    last.elapsed()
                );
            }
            last = Instant::now();
            std::thread::sleep(BEAT);
        }
    });
}

impl Scenario {
    /// Runs the scenario, prints the report, and fails if the promise is broken.
    pub(crate) async fn run(&self, size: Size) {
        let _permit = AT_ONCE.acquire().await.expect("nobody closes it");
        let report = within(size.limit, self.name, self.play(size)).await;
        eprintln!("{report}");
        let problems = report.problems();
        assert!(problems.is_empty(), "{report}\n{}", problems.join("\n"));
    }

    async fn play(&self, size: Size) -> Report {
        let (started, seed) = (Instant::now(), seed());
        eprintln!("{}: CHAOS_SEED={seed}", self.name);
        let sandbox = Arc::new(self.sandbox().await);
        kept_logs::begin();
        watch_for_stalls(&sandbox);
        let shim = self.clock_steps.then(|| Arc::new(Shim::new()));
        let (services, surroundings) = self.services(&sandbox, shim.as_deref()).await;
        let urls: Vec<_> = services.iter().map(|service| service.url("")).collect();
        let accounts = link_all(&services, size.accounts).await;
        self.tell(started, "all accounts are linked");

        let asking = Asking::start(&sandbox, &urls, &accounts, size.clients, seed);
        let writing = Writing::start(&sandbox, &urls, &accounts, seed, self.clock_steps);
        self.begin_faults(&sandbox, seed);
        let plagues = Plagues::start(&sandbox, &accounts, shim.clone(), seed);
        let (mut services, troubles) = match &surroundings {
            Surroundings::Nothing => self.kill(&sandbox, services, size, seed).await,
            Surroundings::Replicas(around) => {
                let lease = self.lease();
                let troubles = Troubles::new(&sandbox, around, services, lease, seed);
                troubles.run(size.kills).await
            }
            Surroundings::Storage(storage) => {
                let filling = self.filling(&sandbox, storage, services, seed);
                filling.run(size.kills).await
            }
        };
        plagues.stop().await;
        self.tell(started, "the troubles are over");
        sleep(self.lease() + Duration::from_secs(2)).await;
        let (tally, written) = (asking.stop().await, writing.stop().await);

        let ledger = sandbox.ledger();
        let lost = look_at_all(&sandbox, &urls, &accounts).await;
        self.tell(started, "all accounts have been looked at");
        let around = match &surroundings {
            Surroundings::Replicas(around) => Some(around),
            _ => None,
        };
        let repeats = repeats(&Case {
            presentations: ledger.presentations(),
            closed_at: &|connection| ledger.closed_at(connection),
            was_cut: &|connection| ledger.was_cut(connection),
            caller: &|connection| around?.front.caller(connection),
            troubles: &troubles,
            served: tally
                .seen
                .iter()
                .map(|(token, seen)| (ledger.mark(token), seen.served_at))
                .collect(),
            provider_timeout: self.provider_timeout,
            // On a busy machine a replica has been seen to give up just after its request had arrived.
            arrives_within: match self.stage {
                Stage::Server => self.provider_timeout,
                _ => ARRIVES_WITHIN,
            },
        });
        let mut unclean = stop_all(&mut services).await;
        for service in &mut services {
            service.run().await;
        }
        let check = Check {
            http: http::client(),
            sandbox: &sandbox,
            url: services[0].url(""),
        };
        let broken = check.broken(&written.promises).await;
        unclean.extend(stop_all(&mut services).await);
        kept_logs::keep(&services);
        Report {
            scenario: *self,
            size,
            seed,
            took: started.elapsed(),
            design: self.design(),
            accounts,
            ledger,
            troubles,
            can_cut_off: around.is_some_and(|around| around.can_cut_off()),
            tally,
            written,
            broken,
            lost,
            repeats,
            unclean,
            logs: services.iter().map(Service::logs).collect(),
        }
    }

    /// Prints the progress of a run.
    fn tell(&self, started: Instant, what: &str) {
        let scenario = self.name.split(':').next().unwrap_or_default();
        eprintln!(
            "{scenario}: {what} after {:.0} s",
            started.elapsed().as_secs_f64()
        );
    }

    fn design(&self) -> Design {
        Design {
            lease: self.lease(),
            probe: self.provider_timeout + PROBE_PAUSE,
            restart: RESTART,
        }
    }

    fn filling(
        &self,
        sandbox: &Arc<Sandbox>,
        storage: &Arc<Storage>,
        mut services: Vec<Service>,
        seed: u64,
    ) -> Filling {
        Filling {
            sandbox: Arc::clone(sandbox),
            service: services.pop().expect("there is one process"),
            storage: Arc::clone(storage),
            dice: fastrand::Rng::with_seed(seed),
        }
    }

    fn begin_faults(&self, sandbox: &Sandbox, seed: u64) {
        sandbox.faults().seed(seed);
        sandbox.faults().set(Place::Token, self.odds());
    }

    /// Returns how long an interrupted refresh waits until it continues.
    fn lease(&self) -> Duration {
        self.provider_timeout + LEASE_MARGIN
    }

    /// Kills processes, with all other troubles of the run.
    async fn kill(
        &self,
        sandbox: &Arc<Sandbox>,
        services: Vec<Service>,
        size: Size,
        seed: u64,
    ) -> (Vec<Service>, Vec<Trouble>) {
        let killing = Killing {
            sandbox: Arc::clone(sandbox),
            services,
            dice: fastrand::Rng::with_seed(seed),
            lives: self.lives.min(size.lives),
            outages: self.faults,
            changes_key: self.clock_steps,
        };
        killing.run(size.kills).await
    }

    async fn sandbox(&self) -> Sandbox {
        let options = SandboxOptions {
            auto_consent: Some(Duration::ZERO),
            auto_person: AutoPerson::SomebodyNew,
            interval: Duration::from_secs(1),
            access_token_ttl: LIFETIME,
            reuse: self.reuse,
            ..SandboxOptions::default()
        };
        Sandbox::start(options).await.expect("no sandbox")
    }

    async fn services(
        &self,
        sandbox: &Arc<Sandbox>,
        shim: Option<&Shim>,
    ) -> (Vec<Service>, Surroundings) {
        match self.stage {
            Stage::File => (self.on_file(sandbox, shim).await, Surroundings::Nothing),
            Stage::Server => {
                let replicas = replicas::start(sandbox, self.processes, self.provider_timeout);
                let (services, around) = replicas.await;
                (services, Surroundings::Replicas(around))
            }
            Stage::FailingFile | Stage::FailingServer => {
                let mut service = self.prepare(sandbox);
                let storage = if self.stage == Stage::FailingFile {
                    Storage::file(&mut service)
                } else {
                    Storage::server(&mut service)
                };
                service.run().await;
                (vec![service], Surroundings::Storage(Arc::new(storage)))
            }
        }
    }

    async fn on_file(&self, sandbox: &Sandbox, shim: Option<&Shim>) -> Vec<Service> {
        let mut services = Vec::new();
        for _ in 0..self.processes {
            let mut service = self.prepare(sandbox);
            if let Some(first) = services.first() {
                let database = Service::file(first, "central-oauth.sqlite3");
                service.set("DB_PATH", &database.display().to_string());
            }
            for (name, value) in shim
                .iter()
                .flat_map(|shim| shim.variables(Path::new("/none")))
            {
                service.set_other(name, &value.display().to_string());
            }
            service.run().await;
            services.push(service);
        }
        services
    }

    fn prepare(&self, sandbox: &Sandbox) -> Service {
        let mut service = Service::prepare_for(sandbox);
        kept_logs::set_level(&mut service);
        let timeout = self.provider_timeout.as_secs().to_string();
        service.set("PROVIDER_TIMEOUT", &timeout);
        service.set(
            "PROVIDER_REVOCATION_ENDPOINT",
            &sandbox.endpoints().revocation,
        );
        service
    }

    fn odds(&self) -> Odds {
        if !self.faults {
            return Odds {
                slow: 0.8,
                longest_delay: self.answers_within,
                ..Odds::default()
            };
        }
        Odds {
            faults: Fault::ALL.map(|fault| (fault, 0.05)).to_vec(),
            slow: 0.2,
            longest_delay: self.answers_within,
        }
    }
}

fn seed() -> u64 {
    let given = std::env::vars_os().find(|(known, _)| known == "CHAOS_SEED");
    match given.and_then(|(_, value)| value.into_string().ok()) {
        Some(seed) => seed.parse().expect("CHAOS_SEED is no number"),
        None => fastrand::u64(..1_000_000),
    }
}

/// Stops all processes. Returns those that did not end with 0, although nothing was wrong any more.
async fn stop_all(services: &mut [Service]) -> Vec<String> {
    let mut unclean = Vec::new();
    for (process, service) in services.iter_mut().enumerate() {
        let status = service.stop().await;
        if !status.success() {
            unclean.push(format!("process {process}: {status}"));
        }
    }
    unclean
}
