//! The services, built from the ports and the settings.

use std::sync::Arc;
use std::time::Duration;

use super::account_reader::AccountReader;
use super::links::{GuessLimiter, LinkCompleter, LinkEnder};
use super::readiness::Readiness;
use super::tokens::Renewal;
use super::withdrawal::Withdrawals;
use super::{
    Accounts, AdminSessions, AuditLog, Consents, GrantEnds, Housekeeping, Keys, Links, Operators,
    Overview, Pause, Providers, Redeemer, RefreshOnDemand, Refresher, RevokeOnDemand, Revoker,
    TokenCache, Tokens, WorkloadTrust, Workloads,
};
use crate::cidr::Cidr;
use crate::entropy::Entropy;
use crate::link::ReturnCodePolicy;
use crate::observe::Observer;
use crate::operator::OperatorKey;
use crate::ports::{Clock, TokenStore};
use crate::vault::Vault;

/// The ports that the services use.
#[derive(Clone)]
pub struct Ports {
    /// Stores everything that must survive a restart.
    pub store: Arc<dyn TokenStore>,
    /// Caches access keys and the tokens of their accounts.
    pub cache: Arc<TokenCache>,
    /// Seals, opens and hashes secrets.
    pub vault: Vault,
    /// Tells the time for all decisions.
    pub clock: Arc<dyn Clock>,
    /// Waits until the uptime of the machine reaches a given value.
    pub pause: Arc<dyn Pause>,
    /// Generates keys, codes and jitter.
    pub entropy: Arc<Entropy>,
    /// The providers at which people can consent.
    pub providers: Providers,
    /// Receives events for metrics.
    pub observer: Arc<dyn Observer>,
    /// The audit log of this process.
    pub audit: Arc<AuditLog>,
}

/// The operator's settings.
pub struct Settings {
    /// The public URL of the service, without a trailing slash.
    pub public_url: String,
    /// How long a link code is valid if nobody confirms it.
    pub link_code_ttl: Duration,
    /// How often a client may poll a link.
    pub poll_interval: Duration,
    /// Whether links may or must ask for a return code.
    pub return_code: ReturnCodePolicy,
    /// The timeout of one provider call.
    pub provider_timeout: Duration,
    /// Tokens are refreshed at least this often, because unused refresh tokens expire.
    pub refresh_at_least_every: Duration,
    /// The keys of operators. If none has the enrolment role, anybody may request link codes.
    pub operators: Vec<OperatorKey>,
    /// The networks from which new accounts may be linked. If empty, any network.
    pub enroll_networks: Vec<Cidr>,
    /// The name by which operators know this replica.
    pub replica_name: String,
    /// The version of this binary, as replicas report it.
    pub version: String,
    /// Which workloads are trusted; `None` if no workload is.
    pub workloads: Option<WorkloadTrust>,
}

/// The services that refresh and revoke tokens at providers.
pub struct Workers {
    /// Refreshes grants.
    pub refresher: Arc<Refresher>,
    /// Revokes tokens.
    pub revoker: Arc<Revoker>,
}

impl Workers {
    /// Builds a revoker, and a refresher that uses it.
    pub fn new(ports: &Ports, settings: &Settings) -> Self {
        let revoker = Arc::new(Revoker::new(ports, settings));
        let refresher = Arc::new(Refresher::new(ports, settings, &revoker));
        Self { refresher, revoker }
    }
}

/// One instance of each service. A service holds only the ports and settings that it needs.
pub struct Services {
    /// For clients: request and poll link codes.
    pub links: Arc<Links>,
    /// For the person at the page: enter a code, confirm it, consent.
    pub consents: Arc<Consents>,
    /// Turns consents into accounts.
    pub redeemer: Arc<Redeemer>,
    /// For clients: the access token of their account.
    pub tokens: Arc<Tokens>,
    /// For operators and owners: list, refresh and delete accounts.
    pub accounts: Arc<Accounts>,
    /// Authenticates callers and manages access keys.
    pub keys: Arc<Keys>,
    /// Recognises workloads and manages which of them may use an account.
    pub workloads: Arc<Workloads>,
    /// The keys of operators.
    pub operators: Arc<Operators>,
    /// Logs operators in at the page `/admin`.
    pub admin_sessions: Arc<AdminSessions>,
    /// For operators: the state of providers and replicas.
    pub overview: Arc<Overview>,
    /// Refreshes grants.
    pub refresher: Arc<Refresher>,
    /// Revokes tokens.
    pub revoker: Arc<Revoker>,
    /// Housekeeping for replicas that share one store.
    pub housekeeping: Arc<Housekeeping>,
    /// Announces grants that end soon.
    pub grant_ends: Arc<GrantEnds>,
    /// Records and lists audit entries.
    pub audit: Arc<AuditLog>,
    /// Checks the readiness of the service.
    pub readiness: Arc<Readiness>,
    /// The providers at which people can consent.
    pub providers: Providers,
}

impl Services {
    /// Builds the services. `refresh_on_demand` and `revoke_on_demand` run the refreshes and revocations for which
    /// callers wait.
    pub fn new(
        ports: &Ports,
        settings: &Settings,
        workers: Workers,
        refresh_on_demand: Arc<dyn RefreshOnDemand>,
        revoke_on_demand: Arc<dyn RevokeOnDemand>,
    ) -> Self {
        let reader = AccountReader::new(ports);
        let guesses = GuessLimiter::new(ports, settings);
        let ender = LinkEnder::new(ports, &workers.revoker);
        let completer = LinkCompleter::new(ports, settings);
        let renewal = Renewal::new(ports, &reader, refresh_on_demand);
        let withdrawals = Withdrawals::new(ports);
        let operators = Operators::new(ports.vault.clone(), &settings.operators);
        let operators = Arc::new(operators);
        let redeemer = Redeemer::new(ports, settings, &reader, &ender, &completer);
        let accounts = Arc::new(Accounts::new(
            ports,
            &reader,
            &renewal,
            &ender,
            &workers.revoker,
            revoke_on_demand,
            &withdrawals,
        ));
        let keys = Keys::new(ports, settings, &operators, &reader, &ender, withdrawals);
        let keys = Arc::new(keys);
        let workloads = Workloads::new(ports, settings, &reader, Arc::clone(&keys));
        let consents = Consents::new(ports, settings, &guesses, ender.clone(), &accounts, &keys);
        let links = Links::new(
            ports, settings, &operators, reader, guesses, ender, completer,
        );
        Self {
            redeemer: Arc::new(redeemer),
            tokens: Arc::new(Tokens::new(ports, &renewal)),
            accounts,
            admin_sessions: Arc::new(AdminSessions::new(ports, &operators, &keys)),
            overview: Arc::new(Overview::new(ports)),
            keys,
            consents: Arc::new(consents),
            links: Arc::new(links),
            workloads: Arc::new(workloads),
            operators,
            refresher: workers.refresher,
            revoker: workers.revoker,
            housekeeping: Arc::new(Housekeeping::new(ports, settings)),
            grant_ends: Arc::new(GrantEnds::new(ports)),
            audit: Arc::clone(&ports.audit),
            readiness: Arc::new(Readiness::new(ports)),
            providers: ports.providers.clone(),
        }
    }
}
