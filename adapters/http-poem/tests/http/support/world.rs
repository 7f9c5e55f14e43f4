//! The service under test.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::link::LinkCode;
use central_oauth_domain::operator::{OperatorKey, OperatorRole};
use central_oauth_domain::ports::{Clock as _, OAuthProvider};
use central_oauth_domain::secret::AccessKey;
use central_oauth_domain::testing::{
    FakeCipher, FixedClock, MemoryStore, ScriptedIdentities, ports_over, redeem_to_end,
    seeded_entropy, services, settings,
};
use central_oauth_domain::usecases::{
    Providers, Services, Settings, Visitor, WorkloadTrust, unlock,
};
use central_oauth_domain::workload::{Policy, Preset, TrustedIssuer};
use central_oauth_http_poem::{HttpSettings, OperatorDetails, app};
use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem::test::TestClient;
use poem::{EndpointExt as _, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Host;

use super::call::Call;
use super::{Answer, Person, ScriptedProvider, log};

pub(crate) const ADMIN: &str = "the-admin-key";

pub(crate) struct World {
    pub(crate) clock: FixedClock,
    pub(crate) provider: Arc<ScriptedProvider>,
    pub(crate) identities: Arc<ScriptedIdentities>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) services: Arc<Services>,
    client: TestClient<BoxEndpoint<'static, Response>>,
}

/// The options in which the worlds of tests differ.
pub(crate) struct Options {
    pub(crate) providers: Vec<Arc<ScriptedProvider>>,
    pub(crate) public_url: &'static str,
    pub(crate) allowed_hosts: Option<Vec<Host>>,
    pub(crate) enroll_key: Option<&'static str>,
    pub(crate) auditor_key: Option<&'static str>,
    pub(crate) poll_interval: Duration,
    /// Whether the store has lost its data.
    pub(crate) forgetful: bool,
    /// Whether the store no longer answers the readiness check.
    pub(crate) silent: bool,
    /// The policies of trusted workloads.
    pub(crate) policies: Vec<Policy>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            providers: vec![Arc::new(ScriptedProvider::new("scripted"))],
            public_url: "https://auth.example",
            allowed_hosts: None,
            enroll_key: None,
            auditor_key: None,
            poll_interval: Duration::from_secs(2),
            forgetful: false,
            silent: false,
            policies: Vec::new(),
        }
    }
}

/// The issuer of the workloads.
pub(crate) const ISSUER: &str = "https://token.actions.githubusercontent.com";

fn github() -> TrustedIssuer {
    let preset = Preset::GithubActions;
    let immutable = preset.immutable_claims().iter();
    TrustedIssuer {
        name: "github".to_owned(),
        url: ISSUER.to_owned(),
        preset,
        audience: "https://auth.example".to_owned(),
        immutable_claims: immutable.map(|it| (*it).to_owned()).collect(),
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        log::start();
        let mut options = Options::default();
        change(&mut options);
        Self::on(
            options,
            FixedClock::default(),
            Arc::default(),
            Arc::default(),
            1,
        )
        .await
    }

    /// Returns the service after a restart with other options, on the same store.
    pub(crate) async fn restarted(&self, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::default();
        change(&mut options);
        let (clock, store) = (self.clock.clone(), Arc::clone(&self.store));
        Self::on(options, clock, store, Arc::clone(&self.identities), 2).await
    }

    async fn on(
        options: Options,
        clock: FixedClock,
        mut store: Arc<MemoryStore>,
        identities: Arc<ScriptedIdentities>,
        seed: u64,
    ) -> Self {
        let entropy = Arc::new(seeded_entropy(seed));
        let vault = unlock(store.as_ref(), Arc::new(FakeCipher::default()), &entropy).await;
        if options.forgetful {
            store = Arc::default();
        }
        store.be_silent(options.silent);
        let trust = WorkloadTrust {
            identities: Arc::clone(&identities) as _,
            issuers: vec![github()],
            policies: options.policies.clone(),
        };
        let settings = Settings {
            workloads: (!trust.policies.is_empty()).then_some(trust),
            link_code_ttl: Duration::from_millis(600_900),
            poll_interval: options.poll_interval,
            operators: operators(&options),
            ..settings()
        };
        let provider = options.providers.first().cloned();
        let providers = options.providers.into_iter();
        let providers = providers.map(|provider| -> Arc<dyn OAuthProvider> { provider });
        let ports = ports_over(
            store.clone(),
            vault.unwrap(),
            Arc::new(clock.clone()),
            entropy,
            Providers::new(providers, None),
        );
        let services = Arc::new(services(&ports, &settings));
        let settings = HttpSettings {
            allowed_hosts: options.allowed_hosts,
            public_url: options.public_url.parse().unwrap(),
            trusted_proxies: Vec::new(),
            operator: OperatorDetails::default(),
        };
        let client = TestClient::new(app(Arc::clone(&services), settings, None).boxed());
        Self {
            clock,
            identities,
            store,
            provider: provider.unwrap_or_else(|| Arc::new(ScriptedProvider::new("none"))),
            services,
            client,
        }
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call::new(&self.client, method, path)
    }

    pub(crate) fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call<'_> {
        self.call(Method::POST, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// Reads a list in pages of two items.
    pub(crate) async fn in_pages(&self, path: &str, key: &str) -> Vec<Value> {
        let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
        loop {
            let page = self.get(&format!("{path}?{query}")).key(key).send().await;
            page.assert(200);
            let items = page.body["items"].as_array().unwrap();
            seen.extend_from_slice(items);
            let Some(cursor) = page.body["next_cursor"].as_str() else {
                return seen;
            };
            assert_eq!(items.len(), 2);
            query = format!("limit=2&cursor={cursor}");
        }
    }

    /// Requests a link code. Returns the code and the key.
    pub(crate) async fn start_link(&self) -> (String, String) {
        let started = self.post("/v1/link-code").send().await;
        started.assert(201);
        (started.text_at("link_code"), started.text_at("access_key"))
    }

    /// Links a new account of this person. Returns its key.
    pub(crate) async fn link(&self, person: u32) -> String {
        let (code, key) = self.start_link().await;
        self.consent(&code, Person::Agrees(person)).await;
        key
    }

    /// Lets the person enter the code, go to the provider and act there as `person` says.
    pub(crate) async fn consent(&self, code: &str, person: Person) {
        *self.provider.person.lock().unwrap() = person;
        self.confirm(code).await;
        self.clock.advance(Duration::from_secs(5));
        self.poll_what_is_due().await;
    }

    /// Polls the providers for all due links, once.
    pub(crate) async fn poll_what_is_due(&self) {
        let redeemer = &self.services.redeemer;
        for link in redeemer.claim_due(10, &[]).await.unwrap() {
            redeem_to_end(redeemer, link).await.unwrap();
        }
    }

    /// Lets the person enter the code and go to the provider.
    pub(crate) async fn confirm(&self, code: &str) {
        let visitor = Visitor {
            browser: &self.services.consents.new_browser(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let link = self
            .services
            .consents
            .confirm(code, &visitor)
            .await
            .unwrap();
        let code = LinkCode::parse(code).unwrap();
        self.services.consents.start(&code, &link).await.unwrap();
    }

    /// Creates a key for an account. Returns its id and the key.
    pub(crate) async fn reader(&self, account: &str, name: &str) -> (String, String) {
        let path = format!("/v1/accounts/{account}/keys");
        let call = self.post(&path).key(ADMIN);
        let made = call.json(&json!({"name": name})).send().await;
        made.assert(201);
        (made.text_at("id"), made.text_at("access_key"))
    }

    /// Runs all due revocations, once.
    pub(crate) async fn revoke_what_is_due(&self) -> usize {
        let revoker = &self.services.revoker;
        let due = revoker.claim_due(10, &[]).await.unwrap();
        for lease in &due {
            let result = revoker.attempt(lease).await;
            revoker.record_result(lease, result.as_ref()).await.unwrap();
        }
        due.len()
    }

    /// Returns a time relative to now, as requests write it.
    pub(crate) fn time_in(&self, seconds: i64) -> String {
        let now = self.clock.now().as_millis() / 1000;
        let time = OffsetDateTime::from_unix_timestamp(now + seconds).unwrap();
        time.format(&Rfc3339).unwrap()
    }

    /// Returns the id of the account to which a key gives access.
    pub(crate) async fn account_of(&self, key: &str) -> String {
        let answer: Answer = self.get("/v1/token").key(key).send().await;
        answer.assert(200);
        answer.body["account"]["id"].as_str().unwrap().to_owned()
    }
}

/// Returns the keys of the operators: the admin key and, if the options set them, the enrolment key and the auditor's
/// key.
fn operators(options: &Options) -> Vec<OperatorKey> {
    let key = |role, key| OperatorKey::of_role(role, AccessKey::new(key));
    let admin = key(OperatorRole::Admin, ADMIN);
    let enroll = options
        .enroll_key
        .map(|enroll| key(OperatorRole::Enroll, enroll));
    let auditor = options
        .auditor_key
        .map(|auditor| key(OperatorRole::Auditor, auditor));
    std::iter::once(admin)
        .chain(enroll)
        .chain(auditor)
        .collect()
}
