//! For the person at the page: enter a code, confirm it, consent at the provider, cancel, or withdraw the consent.

mod disown;
mod enter_code;
mod start;
mod take_callback;

use std::sync::Arc;

use super::links::{GuessLimiter, LinkEnder};
use super::{Accounts, AuditLog, Keys, Ports, Providers, Settings};
use crate::entropy::Entropy;
use crate::link::{Link, LinkCode};
use crate::observe::Observer;
use crate::ports::{AccountStore, Clock, LinkStore, StoreError};
use crate::secret::{BrowserToken, KeyedHash};
use crate::vault::Vault;

pub use disown::Disowned;
pub use enter_code::{LinkView, Visitor};
pub use take_callback::Callback;

/// For the person at the page: enter a code, confirm it, consent at the provider, or cancel.
pub struct Consents {
    links: Arc<dyn LinkStore>,
    accounts: Arc<dyn AccountStore>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    providers: Providers,
    guesses: GuessLimiter,
    ender: LinkEnder,
    account_service: Arc<Accounts>,
    keys: Arc<Keys>,
    public_url: String,
    observer: Arc<dyn Observer>,
    audit: Arc<AuditLog>,
}

impl Consents {
    pub(super) fn new(
        ports: &Ports,
        settings: &Settings,
        guesses: &GuessLimiter,
        ender: LinkEnder,
        account_service: &Arc<Accounts>,
        keys: &Arc<Keys>,
    ) -> Self {
        Self {
            links: ports.store.clone(),
            accounts: ports.store.clone(),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            providers: ports.providers.clone(),
            guesses: guesses.clone(),
            ender,
            account_service: Arc::clone(account_service),
            keys: Arc::clone(keys),
            public_url: settings.public_url.clone(),
            observer: Arc::clone(&ports.observer),
            audit: Arc::clone(&ports.audit),
        }
    }

    async fn find(&self, code: &LinkCode) -> Result<Option<Link>, StoreError> {
        self.links.find_link(&self.vault.hash_link_code(code)).await
    }

    /// Returns the CSRF token that the forms of this browser must contain.
    pub fn csrf_token(&self, browser: &BrowserToken) -> KeyedHash {
        self.vault.csrf_token(browser)
    }

    /// Returns a new value for a browser's cookie.
    pub fn new_browser(&self) -> BrowserToken {
        BrowserToken::generate(&self.entropy)
    }
}

#[cfg(test)]
mod tests {
    mod disown;
    mod enter_code;
    mod take_callback;
}
