//! The use cases over the fakes, on a clock that stands still.
#![allow(clippy::unwrap_used)]

mod access_keys;
mod advance_consent;
mod after_restore;
mod authorization;
mod delete_account;
mod enter_code;
mod limit_guesses;
mod poll_link;
mod refresh;
mod rekey;
mod start_link;
mod strays;
mod take_callback;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Broker, Caller, LinkReport, LinkRequest, Providers, Refusal, Settings, StartedLink, Visitor,
    unlock,
};
use crate::grant::AccountId;
use crate::grant::revocation::{Revocation, RevocationStatus};
use crate::link::{Link, LinkCode, LinkStatus, Requester};
use crate::ports::{AccountStore, OAuthProvider};
use crate::secret::{AccessKey, BrowserToken};
use crate::testing::{
    FakeCipher, FixedClock, MemoryStore, ScriptedProvider, seeded_entropy, settings,
};
use crate::time::Timestamp;

/// A broker, and hands on what it stands on.
struct Stage {
    broker: Broker,
    clock: FixedClock,
    provider: Arc<ScriptedProvider>,
    store: Arc<MemoryStore>,
    browser: BrowserToken,
}

const ADMIN: &str = "an-admin-key-of-the-test";

impl Stage {
    async fn new() -> Self {
        Self::with_enroll_key(None).await
    }

    async fn with_enroll_key(enroll_key: Option<&str>) -> Self {
        Self::over(Arc::default(), FixedClock::default(), enroll_key).await
    }

    /// Another service on the same store, be it a replica or this one after a restart, with a way to the provider of its own.
    async fn another_replica(&self) -> Self {
        Self::over(Arc::clone(&self.store), self.clock.clone(), None).await
    }

    async fn over(store: Arc<MemoryStore>, clock: FixedClock, enroll_key: Option<&str>) -> Self {
        let provider = Arc::new(ScriptedProvider::new("one"));
        let entropy = Arc::new(seeded_entropy(7));
        let cipher = Arc::new(FakeCipher::default());
        let vault = unlock(store.as_ref(), cipher, &entropy).await.unwrap();
        let settings = Settings {
            admin_key: Some(AccessKey::new(ADMIN)),
            enroll_key: enroll_key.map(AccessKey::new),
            // Tests poll more often than clients may.
            poll_interval: Duration::ZERO,
            ..settings()
        };
        let providers = Providers::new([Arc::clone(&provider) as Arc<dyn OAuthProvider>], None);
        let broker = Broker::new(
            Arc::clone(&store) as _,
            vault,
            Arc::new(clock.clone()),
            entropy,
            providers,
            settings,
        );
        let browser = broker.new_browser();
        Self {
            broker,
            clock,
            provider,
            store,
            browser,
        }
    }

    fn visitor(&self) -> Visitor<'_> {
        Visitor {
            browser: &self.browser,
            address: address(1),
        }
    }

    async fn link_for(&self, caller: &Caller) -> Result<StartedLink, Refusal> {
        let requester = Requester {
            client_name: Some("cron".to_owned()),
            address: None,
        };
        self.broker
            .start_link(
                caller,
                LinkRequest {
                    provider: None,
                    requester,
                },
            )
            .await
    }

    async fn started(&self) -> (String, AccessKey) {
        let link = self.link_for(&Caller::Nobody).await.unwrap();
        (link.code.digits().to_owned(), link.access_key.unwrap())
    }

    async fn confirm(&self, code: &str) -> Result<(), Refusal> {
        let link = self.broker.confirm(code, &self.visitor()).await?;
        let code = LinkCode::parse(code).unwrap();
        self.broker.start_consent(&code, &link).await
    }

    /// Lets the time of the next poll come and sees all due links through.
    async fn poll_providers(&self) {
        self.clock
            .advance(self.broker.idle_for(&[]).await.unwrap().unwrap_or_default());
        for link in self.broker.claim_due_polls(100, &[]).await.unwrap() {
            self.see_through(link).await;
        }
    }

    async fn see_through(&self, link: Link) {
        let mut next = Some(link);
        while let Some(link) = next {
            let outcome = self.broker.advance(&link).await;
            next = self.broker.record(&link, &outcome).await.unwrap();
        }
    }

    async fn caller(&self, key: &AccessKey) -> Caller {
        self.broker.authenticate(Some(key)).await.unwrap()
    }

    async fn report(&self, code: &str, key: &AccessKey) -> LinkReport {
        let caller = self.caller(key).await;
        self.broker
            .poll_link(code, &caller, address(9))
            .await
            .unwrap()
    }

    async fn status(&self, code: &str, key: &AccessKey) -> LinkStatus {
        self.report(code, key).await.status
    }

    fn clock_now(&self) -> Timestamp {
        self.broker.clock.now()
    }

    /// The account that was linked last.
    async fn last_account(&self) -> AccountId {
        let accounts = self.store.accounts(None, 100).await.unwrap();
        accounts.last().unwrap().id
    }

    /// What the runtime does once: claims the revocations that are due and sees them through.
    async fn revoke_due(&self) -> usize {
        let revocations = self.broker.revocations();
        let leases = revocations.claim_due(10, &[]).await.unwrap();
        let claimed = leases.len();
        for lease in leases {
            let result = revocations.attempt(&lease).await;
            revocations.record(&lease, result.as_ref()).await.unwrap();
        }
        claimed
    }

    /// How the revocations stand.
    async fn revocations(&self) -> Vec<Revocation> {
        let listed = self.broker.list_revocations(&Caller::Admin, None, 100);
        listed.await.unwrap().items
    }

    /// A link that Alice has completed, and its key.
    async fn linked(&self) -> (String, AccessKey) {
        let (code, key) = self.started().await;
        self.confirm(&code).await.unwrap();
        self.provider
            .answer_redeem(Ok(ScriptedProvider::grant("access-1", Some("refresh-1"))));
        self.poll_providers().await;
        (code, key)
    }
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([198, 51, 100, last])
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
