//! The service.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::ports::OAuthProvider;
use central_oauth_domain::secret::AccessKey;
use central_oauth_domain::testing::{FakeCipher, FixedClock, MemoryStore, seeded_entropy};
use central_oauth_domain::usecases::{Broker, Providers, Settings, Visitor, unlock};
use central_oauth_http_poem::{HttpSettings, app};
use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem::test::TestClient;
use poem::{EndpointExt as _, Response};

use super::call::Call;
use super::{Answer, Person, ScriptedProvider, log};

pub(crate) const ADMIN: &str = "the-admin-key";

pub(crate) struct World {
    pub(crate) clock: FixedClock,
    pub(crate) provider: Arc<ScriptedProvider>,
    broker: Arc<Broker>,
    client: TestClient<BoxEndpoint<'static, Response>>,
}

/// What differs between the worlds of tests.
pub(crate) struct Options {
    pub(crate) providers: Vec<Arc<ScriptedProvider>>,
    pub(crate) public_url: &'static str,
    pub(crate) enroll_key: Option<&'static str>,
    pub(crate) poll_interval: Duration,
    /// The store has lost what it had at the start.
    pub(crate) forgetful: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            providers: vec![Arc::new(ScriptedProvider::new("scripted"))],
            public_url: "https://auth.example",
            enroll_key: None,
            poll_interval: Duration::from_secs(2),
            forgetful: false,
        }
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
        let (clock, entropy) = (FixedClock::default(), Arc::new(seeded_entropy(1)));
        let mut store = Arc::new(MemoryStore::default());
        let vault = unlock(store.as_ref(), Arc::new(FakeCipher::default()), &entropy).await;
        if options.forgetful {
            store = Arc::default();
        }
        let settings = Settings {
            link_code_ttl: Duration::from_millis(600_900),
            poll_interval: options.poll_interval,
            provider_timeout: Duration::from_secs(10),
            refresh_at_least_every: Duration::from_secs(86_400),
            admin_key: Some(AccessKey::new(ADMIN)),
            enroll_key: options.enroll_key.map(AccessKey::new),
        };
        let provider = options.providers.first().cloned();
        let providers = options.providers.into_iter();
        let providers = providers.map(|provider| -> Arc<dyn OAuthProvider> { provider });
        let broker = Arc::new(Broker::new(
            store,
            vault.unwrap(),
            Arc::new(clock.clone()),
            entropy,
            Providers::new(providers, None),
            settings,
        ));
        let settings = HttpSettings {
            public_url: options.public_url.parse().unwrap(),
            trusted_proxies: Vec::new(),
        };
        let client = TestClient::new(app(Arc::clone(&broker), settings).boxed());
        Self {
            clock,
            provider: provider.unwrap_or_else(|| Arc::new(ScriptedProvider::new("none"))),
            broker,
            client,
        }
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call::new(&self.client, method, path)
    }

    pub(crate) fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    /// Asks for a link code; returns code and key.
    pub(crate) async fn start_link(&self) -> (String, String) {
        let started = self.call(Method::POST, "/v1/link-code").send().await;
        started.assert(201);
        (started.text_at("link_code"), started.text_at("access_key"))
    }

    /// A new account of this person; returns a key to it.
    pub(crate) async fn link(&self, person: u32) -> String {
        let (code, key) = self.start_link().await;
        self.consent(&code, Person::Agrees(person)).await;
        key
    }

    /// The person enters the code, goes to the provider and does this there.
    pub(crate) async fn consent(&self, code: &str, person: Person) {
        *self.provider.person.lock().unwrap() = person;
        self.confirm(code).await;
        self.clock.advance(Duration::from_secs(5));
        for mut link in self.broker.claim_due_polls(10, &[]).await.unwrap() {
            loop {
                let outcome = self.broker.advance(&link).await;
                match self.broker.record(&link, &outcome).await.unwrap() {
                    Some(next) => link = next,
                    None => break,
                }
            }
        }
    }

    /// The person enters the code and goes to the provider.
    pub(crate) async fn confirm(&self, code: &str) {
        let visitor = Visitor {
            browser: &self.broker.new_browser(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let link = self.broker.confirm(code, &visitor).await.unwrap();
        self.broker.start_consent(&link).await.unwrap();
    }

    /// The id of the account that a key opens.
    pub(crate) async fn account_of(&self, key: &str) -> String {
        let answer: Answer = self.get("/v1/token").key(key).send().await;
        answer.assert(200);
        answer.body["account"]["id"].as_str().unwrap().to_owned()
    }
}
