//! A service in memory.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::link::Requester;
use central_oauth_domain::ports::{Clock as _, ProviderError, Redemption};
use central_oauth_domain::testing::{
    FixedClock, MemoryStore, ScriptedIdentities, ScriptedProvider, ports, redeem_to_end, services,
    settings,
};
use central_oauth_domain::usecases::{Caller, LinkRequest, Services, Settings, WorkloadTrust};
use central_oauth_domain::workload::{ClaimValue, Permission, Policy, Preset, TrustedIssuer};
use central_oauth_http_poem::{HttpSettings, OperatorDetails, app};
use poem::endpoint::BoxEndpoint;
use poem::test::TestClient;
use poem::{EndpointExt as _, Response};

use super::browser::Browser;

pub(crate) type Client = TestClient<BoxEndpoint<'static, Response>>;

const URL: &str = "http://127.0.0.1:8080";
/// The issuer of workloads.
const ISSUER: &str = "https://issuer.example";

pub(crate) struct World {
    pub(crate) clock: FixedClock,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) provider: Arc<ScriptedProvider>,
    identities: Arc<ScriptedIdentities>,
    pub(crate) services: Arc<Services>,
    pub(crate) client: Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::at(URL).await
    }

    pub(crate) async fn at(public_url: &str) -> Self {
        let provider = ScriptedProvider::new("scripted");
        Self::run(public_url, provider, OperatorDetails::default()).await
    }

    pub(crate) async fn with_provider(provider: ScriptedProvider) -> Self {
        Self::run(URL, provider, OperatorDetails::default()).await
    }

    pub(crate) async fn of_operator(operator: OperatorDetails) -> Self {
        Self::run(URL, ScriptedProvider::new("scripted"), operator).await
    }

    async fn run(public_url: &str, provider: ScriptedProvider, operator: OperatorDetails) -> Self {
        let (clock, provider) = (FixedClock::default(), Arc::new(provider));
        let store = Arc::new(MemoryStore::default());
        let ports = ports(&store, &clock, 7, &provider).await.unwrap();
        let identities = Arc::new(ScriptedIdentities::default());
        let trusting = Settings {
            workloads: Some(trust(&identities)),
            ..settings()
        };
        let services = Arc::new(services(&ports, &trusting));
        let settings = HttpSettings {
            allowed_hosts: None,
            public_url: public_url.parse().unwrap(),
            trusted_proxies: Vec::new(),
            operator,
        };
        let client = TestClient::new(app(Arc::clone(&services), settings, None).boxed());
        Self {
            clock,
            store,
            provider,
            identities,
            services,
            client,
        }
    }

    /// Returns a fresh JWT of the workload with this name.
    pub(crate) fn workload(&self, name: &str) -> String {
        let text = |value: &str| ClaimValue::Text(value.to_owned());
        let now = self.clock.now().as_millis() / 1000;
        let claims = [
            ("aud", text(URL)),
            ("sub", text(name)),
            ("team", text("ours")),
            ("iat", ClaimValue::Number(now)),
            ("exp", ClaimValue::Number(now + 3600)),
        ];
        let token = self.identities.issue(ISSUER, &claims);
        token.expose().to_owned()
    }

    /// Returns a browser without cookies.
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser::new(&self.client)
    }

    /// Returns a browser that has opened the page.
    pub(crate) async fn visitor(&self) -> Browser<'_> {
        let mut browser = self.browser();
        browser.get("/device").await;
        browser
    }

    /// Requests a link code for a program. Returns the code.
    pub(crate) async fn ask(&self, client_name: &str) -> String {
        let request = LinkRequest {
            provider: None,
            requester: Requester {
                client_name: Some(client_name.to_owned()),
                address: Some("192.0.2.44".to_owned()),
                ..Requester::default()
            },
            ..LinkRequest::default()
        };
        let started = self.services.links.start(&Caller::Nobody, request).await;
        started.unwrap().code.digits().to_owned()
    }

    /// Scripts the response to the next poll and processes it.
    pub(crate) async fn provider_answers(&self, answer: Result<Redemption, ProviderError>) {
        self.provider.answer_redeem(answer);
        self.clock.advance(ScriptedProvider::INTERVAL);
        let redeemer = &self.services.redeemer;
        for link in redeemer.claim_due(10, &[]).await.unwrap() {
            redeem_to_end(redeemer, link).await.unwrap();
        }
    }

    /// Makes the next attempt to reach the provider fail with a `Retry-After`.
    pub(crate) fn provider_is_down(&self, retry_after: Option<Duration>) {
        self.provider.refuse_consent(ProviderError::Unavailable {
            detail: "connection refused".to_owned(),
            retry_after,
        });
    }
}

fn trust(identities: &Arc<ScriptedIdentities>) -> WorkloadTrust {
    let issuer = TrustedIssuer {
        name: "platform".to_owned(),
        url: ISSUER.to_owned(),
        preset: Preset::Oidc,
        audience: URL.to_owned(),
        immutable_claims: vec!["sub".to_owned()],
    };
    let policy = Policy {
        name: "jobs".to_owned(),
        issuer: issuer.name.clone(),
        providers: vec![ProviderName::new("scripted")],
        may: vec![Permission::Link, Permission::Token],
        claims: [("team".to_owned(), vec!["ours".to_owned()])].into(),
        allows_pull_requests: false,
    };
    WorkloadTrust {
        identities: Arc::clone(identities) as _,
        issuers: vec![issuer],
        policies: vec![policy],
    }
}
