//! What people and programs can do. Each file is one intent, written as methods of [`Broker`].

mod access_keys;
mod accounts;
mod advance_consent;
mod after_restore;
mod authenticate;
mod copy;
mod delete_account;
mod enter_code;
mod grants;
mod hand_out_token;
mod identify;
mod key_uses;
mod limit_guesses;
mod list_revocations;
mod name;
mod page;
mod poll_link;
mod providers;
mod readiness;
mod refresh_account;
mod refusal;
mod rekey;
mod revocations;
mod share_work;
mod start_link;
mod take_callback;
#[cfg(test)]
mod tests;
mod trouble;
mod unlock;

use std::sync::Arc;
use std::time::Duration;

use crate::entropy::Entropy;
use crate::grant::ProviderName;
use crate::link::{GuessLimit, PollLimit};
use crate::observe::{Observer, Unobserved};
use crate::ports::{Clock, TokenStore};
use crate::replica::Presence;
use crate::secret::AccessKey;
use crate::vault::Vault;

use self::key_uses::KeyUses;

pub use access_keys::{HandedKey, KeyPage, KeyRequest};
pub use accounts::AccountPage;
pub use advance_consent::Outcome;
pub use after_restore::after_restore;
pub use authenticate::Caller;
pub use copy::{Copied, CopyError, CopyProgress, UnreadableValue, copy, unlock_source};
pub use enter_code::{LinkView, Visitor};
use grants::Outages;
pub use grants::{Claim, Exchange, Grants, RefreshOnDemand, RefreshWish};
pub use hand_out_token::HandedToken;
pub use list_revocations::RevocationPage;
pub use page::Page;
pub use poll_link::LinkReport;
pub use providers::Providers;
pub use readiness::NotReady;
use readiness::Readiness;
pub use refusal::Refusal;
pub use rekey::{Rekeyed, rekey, require_all_keys};
pub use revocations::{Revocations, RevokeOnDemand};
pub use start_link::{LinkRequest, StartedLink};
pub use take_callback::Callback;
pub use unlock::{UnlockError, unlock};

/// The service without its surfaces: ports, rules and settings.
pub struct Broker {
    store: Arc<dyn TokenStore>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    providers: Providers,
    guesses: GuessLimit,
    polls: PollLimit,
    settings: Settings,
    key_uses: KeyUses,
    grants: Arc<Grants>,
    refresher: Arc<dyn RefreshOnDemand>,
    revocations: Arc<Revocations>,
    revoker: Arc<dyn RevokeOnDemand>,
    presence: Presence,
    observer: Arc<dyn Observer>,
    readiness: Readiness,
}

/// What the operator decides.
pub struct Settings {
    /// Where people reach the service, without a slash at the end.
    pub public_url: String,
    /// How long a link code lives before it is confirmed.
    pub link_code_ttl: Duration,
    /// How often a client may poll a link.
    pub poll_interval: Duration,
    /// The most that one provider call takes.
    pub provider_timeout: Duration,
    /// How often tokens are refreshed at least, asked for or not: refresh tokens die of disuse.
    pub refresh_at_least_every: Duration,
    /// The bearer that is admin.
    pub admin_key: Option<AccessKey>,
    /// The bearer that may ask for link codes; `None` lets anybody.
    pub enroll_key: Option<AccessKey>,
    /// What operators know this replica by.
    pub replica_name: String,
    /// The version of the program.
    pub version: String,
}

impl Settings {
    /// Where a provider sends browsers back to.
    #[must_use]
    pub fn callback_uri(&self, provider: &ProviderName) -> String {
        format!("{}/callback/{provider}", self.public_url)
    }
}

impl Broker {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        store: Arc<dyn TokenStore>,
        vault: Vault,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
        providers: Providers,
        settings: Settings,
    ) -> Self {
        let observer = Arc::new(Unobserved);
        Self::observed(store, vault, clock, entropy, providers, settings, observer)
    }

    /// Puts the parts together, for somebody to watch.
    #[must_use]
    pub fn observed(
        store: Arc<dyn TokenStore>,
        vault: Vault,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
        providers: Providers,
        settings: Settings,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let revocations = Arc::new(Revocations {
            store: Arc::clone(&store),
            vault: vault.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            providers: providers.clone(),
            provider_timeout: settings.provider_timeout,
            observer: Arc::clone(&observer),
        });
        let grants = Arc::new(Grants {
            store: Arc::clone(&store),
            vault: vault.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            providers: providers.clone(),
            provider_timeout: settings.provider_timeout,
            at_least_every: settings.refresh_at_least_every,
            revocations: Arc::clone(&revocations),
            outages: Outages::default(),
            observer: Arc::clone(&observer),
        });
        let presence = Presence {
            instance: instance(&entropy),
            name: settings.replica_name.clone(),
            version: settings.version.clone(),
            started_at: clock.now(),
        };
        Self {
            presence,
            refresher: Arc::clone(&grants) as _,
            grants,
            revoker: Arc::clone(&revocations) as _,
            revocations,
            key_uses: KeyUses::default(),
            store,
            vault,
            clock,
            entropy,
            providers,
            guesses: GuessLimit::new(settings.link_code_ttl),
            polls: PollLimit::new(settings.poll_interval),
            settings,
            observer,
            readiness: Readiness::default(),
        }
    }

    /// Has refreshes that callers wait for done by somebody who sees them through when the callers go away. Until then
    /// they are done in the callers' own tasks.
    #[must_use]
    pub fn refreshing_through(self, refresher: Arc<dyn RefreshOnDemand>) -> Self {
        Self { refresher, ..self }
    }

    /// Has revocations that callers wait for done by somebody who sees them through, likewise.
    #[must_use]
    pub fn revoking_through(self, revoker: Arc<dyn RevokeOnDemand>) -> Self {
        Self { revoker, ..self }
    }

    /// What gives tokens back to providers.
    #[must_use]
    pub const fn revocations(&self) -> &Arc<Revocations> {
        &self.revocations
    }

    /// What keeps the grants alive.
    #[must_use]
    pub const fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// The providers at which people can consent.
    #[must_use]
    pub const fn providers(&self) -> &Providers {
        &self.providers
    }

    /// What the operator decided.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// A name that no other process has.
fn instance(entropy: &Entropy) -> String {
    let random: [u8; 16] = entropy.bytes();
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}
