//! The services over the fakes, on a clock that stands still; and tests that concern several services.
#![allow(clippy::unwrap_used)]

mod admin_sessions;
mod altered_links;
mod altered_rows;
mod authorization;
mod operators;
mod rekey;

use std::ops::Deref;

pub(super) use std::net::IpAddr;
pub(super) use std::sync::Arc;
pub(super) use std::time::Duration;

pub(super) use super::{
    Caller, LinkReport, LinkRequest, Ports, Providers, Refusal, Services, Settings, StartedLink,
    Visitor, unlock,
};
pub(super) use crate::grant::revocation::{Revocation, RevocationStatus};
pub(super) use crate::grant::{AccountId, TokenOrigin};
pub(super) use crate::link::{Link, LinkCode, LinkStatus, Requester};
pub(super) use crate::operator::{OperatorKey, OperatorName, OperatorRole};
pub(super) use crate::ports::{AccountStore, Descendants, LinkStore, ReplicaStore};
pub(super) use crate::replica::ReplicaReport;
pub(super) use crate::secret::{AccessKey, BrowserToken};
pub(super) use crate::testing::{
    FakeCipher, FixedClock, MemoryStore, ScriptedProvider, ports, redeem_to_end, seeded_entropy,
    services, settings,
};
pub(super) use crate::time::Timestamp;

/// The services, and their fakes.
pub(super) struct Stage {
    pub(super) ports: Ports,
    pub(super) services: Services,
    pub(super) clock: FixedClock,
    pub(super) provider: Arc<ScriptedProvider>,
    pub(super) store: Arc<MemoryStore>,
    pub(super) browser: BrowserToken,
}

impl Deref for Stage {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}

/// The address that requests come from.
pub(super) const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
pub(super) const ADMIN: &str = "an-admin-key-of-the-test";

impl Stage {
    pub(super) async fn new() -> Self {
        Self::with_enroll_key(None).await
    }

    pub(super) async fn with_enroll_key(enroll_key: Option<&str>) -> Self {
        Self::over(Arc::default(), FixedClock::default(), enroll_key).await
    }

    /// Creates another service on the same store, as a replica or after a restart, with its own provider.
    pub(super) async fn another_replica(&self) -> Self {
        Self::over(Arc::clone(&self.store), self.clock.clone(), None).await
    }

    /// Creates another replica, which has another client id at the provider.
    pub(super) async fn replica_with_another_client(&self) -> Self {
        let other = self.another_replica().await;
        other.provider.move_to(Some(TokenOrigin {
            client_id: "the client of tomorrow".to_owned(),
            ..ScriptedProvider::tokens("", None).origin
        }));
        other
    }

    /// Records that a replica is running.
    pub(super) async fn check_in(&self, instance: &str) {
        let now = self.clock_now();
        let report = ReplicaReport {
            instance: instance.to_owned(),
            name: instance.to_owned(),
            version: String::new(),
            started_at: now,
        };
        self.store.check_in(&report, now).await.unwrap();
    }

    /// Creates another replica that seals with a newer secret key, which this replica lacks. The new replica also has
    /// the key of this replica.
    pub(super) async fn replica_with_a_newer_key(&self) -> Self {
        let mut newer = self.another_replica().await;
        let cipher = Arc::new(FakeCipher::new(2).also_opening(&[1]));
        let vault = unlock(self.store.as_ref(), cipher, &newer.ports.entropy).await;
        newer.ports.vault = vault.unwrap();
        newer.services = services(&newer.ports, &settings());
        newer
    }

    async fn over(store: Arc<MemoryStore>, clock: FixedClock, enroll_key: Option<&str>) -> Self {
        let provider = Arc::new(ScriptedProvider::new("one"));
        let settings = Settings {
            operators: operators(enroll_key),
            // Tests poll more often than clients may.
            poll_interval: Duration::ZERO,
            ..settings()
        };
        let ports = ports(&store, &clock, 7, &provider).await.unwrap();
        let services = services(&ports, &settings);
        let browser = services.consents.new_browser();
        Self {
            ports,
            services,
            clock,
            provider,
            store,
            browser,
        }
    }

    pub(super) fn visitor(&self) -> Visitor<'_> {
        Visitor {
            browser: &self.browser,
            address: address(1),
        }
    }

    pub(super) async fn link_for(&self, caller: &Caller) -> Result<StartedLink, Refusal> {
        let requester = Requester {
            client_name: Some("cron".to_owned()),
            ..Requester::default()
        };
        self.links
            .start(
                caller,
                LinkRequest {
                    provider: None,
                    requester,
                    ..LinkRequest::default()
                },
            )
            .await
    }

    pub(super) async fn started(&self) -> (String, AccessKey) {
        let link = self.link_for(&Caller::Nobody).await.unwrap();
        (link.code.digits().to_owned(), link.access_key.unwrap())
    }

    pub(super) async fn confirm(&self, code: &str) -> Result<(), Refusal> {
        let link = self.consents.confirm(code, &self.visitor()).await?;
        let code = LinkCode::parse(code).unwrap();
        self.consents.start(&code, &link).await
    }

    /// Moves the clock to the next poll and completes all due links.
    pub(super) async fn poll_providers(&self) {
        self.clock.advance(
            self.redeemer
                .idle_for(&[])
                .await
                .unwrap()
                .unwrap_or_default(),
        );
        for link in self.redeemer.claim_due(100, &[]).await.unwrap() {
            self.redeem_to_end(link).await;
        }
    }

    pub(super) async fn redeem_to_end(&self, link: Link) {
        redeem_to_end(&self.redeemer, link).await.unwrap();
    }

    pub(super) async fn caller(&self, key: &AccessKey) -> Caller {
        self.keys.authenticate(Some(key), address(9)).await.unwrap()
    }

    pub(super) async fn stored_link(&self, code: &str) -> Link {
        let code = LinkCode::parse(code).unwrap();
        let hash = self.ports.vault.hash_link_code(&code);
        self.store.find_link(&hash).await.unwrap().unwrap()
    }

    pub(super) async fn report(&self, code: &str, key: &AccessKey) -> LinkReport {
        let caller = self.caller(key).await;
        self.links.poll(code, &caller, address(9)).await.unwrap()
    }

    pub(super) async fn status(&self, code: &str, key: &AccessKey) -> LinkStatus {
        self.report(code, key).await.status
    }

    pub(super) async fn is_linked(&self, code: &str, key: &AccessKey) -> bool {
        matches!(self.status(code, key).await, LinkStatus::Linked(_))
    }

    /// Makes the provider grant this access token at the next redemption, without a refresh token.
    pub(super) fn grants(&self, access_token: &str) {
        let grant = ScriptedProvider::grant(access_token, None);
        self.provider.answer_redeem(Ok(grant));
    }

    pub(super) fn clock_now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// Returns the account that was linked last.
    pub(super) async fn last_account(&self) -> AccountId {
        let accounts = self.store.accounts(None, 100).await.unwrap();
        accounts.last().unwrap().id
    }

    /// Runs the scheduler once: claims due revocations and completes them.
    pub(super) async fn revoke_due(&self) -> usize {
        let revoker = &self.revoker;
        let leases = revoker.claim_due(10, &[]).await.unwrap();
        let claimed = leases.len();
        for lease in leases {
            let result = revoker.attempt(&lease).await;
            revoker
                .record_result(&lease, result.as_ref())
                .await
                .unwrap();
        }
        claimed
    }

    /// Returns all revocations.
    pub(super) async fn revocations(&self) -> Vec<Revocation> {
        let listed = self.revoker.list(&Caller::ADMIN, None, 100);
        listed.await.unwrap().items
    }

    /// Completes a link of Alice. Returns the link's code and key.
    pub(super) async fn linked(&self) -> (String, AccessKey) {
        let (code, key) = self.started().await;
        self.confirm(&code).await.unwrap();
        self.provider
            .answer_redeem(Ok(ScriptedProvider::grant("access-1", Some("refresh-1"))));
        self.poll_providers().await;
        (code, key)
    }
}

/// Returns the keys of an admin and, if given, of the enrolment role.
fn operators(enroll_key: Option<&str>) -> Vec<OperatorKey> {
    let key = |role, key| OperatorKey::of_role(role, AccessKey::new(key));
    let admin = key(OperatorRole::Admin, ADMIN);
    let enroll = enroll_key.map(|enroll| key(OperatorRole::Enroll, enroll));
    std::iter::once(admin).chain(enroll).collect()
}

pub(super) fn address(last: u8) -> IpAddr {
    IpAddr::from([198, 51, 100, last])
}

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
