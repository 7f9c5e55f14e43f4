//! One run: link, ask, kill, wait until all is quiet, look at every account, judge.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_sandbox_poem::{
    AutoPerson, Fault, Ledger, Odds, Place, Reuse, Sandbox, SandboxOptions,
};
use tokio::time::{Instant, sleep};

use crate::support::process::within;
use crate::support::service::Service;

use super::accounts::{link_all, look_at_all};
use super::asking::Asking;
use super::judge::{Case, repeats};
use super::killing::Killing;
use super::replicas::{self, Around};
use super::report::Report;
use super::troubles::{Trouble, Troubles};

/// How long access tokens last.
const LIFETIME: Duration = Duration::from_secs(5);
/// A lease outlasts what the service waits for an answer by so much.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// What is tested.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) processes: usize,
    /// Whether they are replicas on one PostgreSQL, with the troubles of those, and not on a file, with kills alone.
    pub(crate) on_server: bool,
    /// How long the service waits for an answer of the provider.
    pub(crate) provider_timeout: Duration,
    /// The longest time that a process lives after it answers again.
    pub(crate) lives: Duration,
    /// How long an answer of the token endpoint takes at most, as over a network, so that kills hit refreshes in flight.
    pub(crate) answers_within: Duration,
    /// Whether the provider answers a retry after a lost answer.
    pub(crate) forgiving: bool,
    /// Whether the network fails, too.
    pub(crate) faults: bool,
}

/// How much of it.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(super) accounts: usize,
    pub(super) clients: usize,
    pub(super) kills: usize,
    /// No process lives longer.
    lives: Duration,
    /// A whole run takes no longer.
    limit: Duration,
}

impl Size {
    pub(crate) const SHORT: Self = Self {
        accounts: 20,
        clients: 4,
        kills: 10,
        lives: Duration::from_millis(1500),
        limit: Duration::from_secs(240),
    };
    /// Replicas, their database, the provider and all clients share two cores here.
    pub(crate) const LONG_REPLICAS: Self = Self {
        clients: 12,
        ..Self::LONG
    };
    pub(crate) const LONG: Self = Self {
        accounts: 200,
        clients: 32,
        kills: 100,
        lives: Duration::MAX,
        limit: Duration::from_secs(3600),
    };
}

impl Scenario {
    /// Runs it, prints the report, and fails if the promise is broken.
    pub(crate) async fn run(&self, size: Size) {
        let report = within(size.limit, self.name, self.play(size)).await;
        eprintln!("{report}");
        let problems = report.problems();
        assert!(problems.is_empty(), "{report}\n{}", problems.join("\n"));
    }

    async fn play(&self, size: Size) -> Report {
        let (started, seed) = (Instant::now(), seed());
        eprintln!("{}: CHAOS_SEED={seed}", self.name);
        let sandbox = Arc::new(self.sandbox().await);
        let (services, around) = if self.on_server {
            let replicas = replicas::start(&sandbox, self.processes, self.provider_timeout);
            let (services, around) = replicas.await;
            (services, Some(around))
        } else {
            (self.services(&sandbox).await, None)
        };
        let urls: Vec<_> = services.iter().map(|service| service.url("")).collect();
        let accounts = link_all(&sandbox, &services, size.accounts).await;

        let asking = Asking::start(&sandbox, &urls, &accounts, size.clients, seed);
        self.begin_faults(&sandbox, seed);
        let (services, troubles) = match &around {
            None => self.kill(&sandbox, services, size, seed).await,
            Some(around) => {
                let lease = self.lease();
                let troubles = Troubles::new(&sandbox, around, services, lease, seed);
                troubles.run(size.kills).await
            }
        };
        sandbox.faults().clear();
        sleep(self.lease() + Duration::from_secs(2)).await;
        let tally = asking.stop().await;

        let ledger = ledger(&sandbox);
        let lost = look_at_all(&sandbox, &urls, &accounts).await;
        let repeats = repeats(&Case {
            presentations: ledger.presentations(),
            closed_at: &|connection| ledger.closed_at(connection),
            was_cut: &|connection| ledger.was_cut(connection),
            caller: &|connection| around.as_ref()?.front.caller(connection),
            troubles: &troubles,
            served: tally
                .seen
                .iter()
                .map(|(token, seen)| (ledger.mark(token), seen.served_at))
                .collect(),
            provider_timeout: self.provider_timeout,
        });
        Report {
            scenario: *self,
            size,
            seed,
            took: started.elapsed(),
            accounts,
            ledger,
            troubles,
            can_cut_off: around.as_deref().is_some_and(Around::can_cut_off),
            tally,
            lost,
            repeats,
            logs: end(services).await,
        }
    }

    fn begin_faults(&self, sandbox: &Sandbox, seed: u64) {
        sandbox.faults().seed(seed);
        sandbox.faults().set(Place::Token, self.odds());
    }

    /// How long a refresh that was cut short waits until it goes on.
    fn lease(&self) -> Duration {
        self.provider_timeout + LEASE_MARGIN
    }

    /// Kills, with whatever else goes wrong meanwhile.
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
        };
        killing.run(size.kills).await
    }

    async fn sandbox(&self) -> Sandbox {
        let options = SandboxOptions {
            auto_consent: Some(Duration::ZERO),
            auto_person: AutoPerson::SomebodyNew,
            interval: Duration::from_secs(1),
            access_token_ttl: LIFETIME,
            reuse: if self.forgiving {
                // Every lost answer gets its one retry, so two in a row get two.
                Reuse::Retries(u32::MAX)
            } else {
                Reuse::Forbidden
            },
            keep_ledger: true,
            ..SandboxOptions::default()
        };
        Sandbox::start(options).await.expect("no sandbox")
    }

    async fn services(&self, sandbox: &Sandbox) -> Vec<Service> {
        let mut services = Vec::new();
        for _ in 0..self.processes {
            let mut service = Service::prepare_for(sandbox);
            let timeout = self.provider_timeout.as_secs().to_string();
            service.set("PROVIDER_TIMEOUT", &timeout);
            if let Some(first) = services.first() {
                let database = Service::file(first, "central-oauth.sqlite3");
                service.set("DB_PATH", &database.display().to_string());
            }
            service.run().await;
            services.push(service);
        }
        services
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
    let given = std::env::vars_os().find(|(name, _)| name == "CHAOS_SEED");
    match given.and_then(|(_, value)| value.into_string().ok()) {
        Some(seed) => seed.parse().expect("CHAOS_SEED is no number"),
        None => fastrand::u64(..1_000_000),
    }
}

fn ledger(sandbox: &Sandbox) -> Ledger {
    sandbox.ledger().expect("no ledger is kept")
}

/// Stops the processes; what they have logged.
async fn end(services: Vec<Service>) -> Vec<String> {
    let mut logs = Vec::new();
    for mut service in services {
        assert!(service.stop().await.success());
        logs.push(service.logs());
    }
    logs
}
