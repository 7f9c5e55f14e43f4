mod ask;
mod flows;
mod people;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::entropy::Entropy;
use central_oauth_domain::grant::{Identity, ProviderName, TokenOrigin};
use central_oauth_domain::observe::{Cache, Observer, Unobserved};
use central_oauth_domain::ports::{
    Clock, Consent, ConsentHandle, ConsentRequest, OAuthProvider, ProviderError, Redemption,
    RefreshAnswer, RefreshError, Revoked, ScopeWords, TokenToRevoke,
};
use central_oauth_domain::secret::{AccessToken, CallbackQuery, IdToken, RefreshToken};
use openidconnect::core::CoreJsonWebKeySet;

use crate::auth_memory::AuthMemory;
use crate::cached::Cached;
use crate::client_auth::Client;
use crate::deadline::Deadline;
use crate::dialect::Dialect;
use crate::discovery::Metadata;
use crate::http::{Http, Names, Request, TraceHeaders};
use crate::server::Server;
use crate::settings::{Flow, ProviderSettings, SettingsError};
use crate::token::TokenResponses;
use crate::{authorization_code, refresh, revocation};

/// A provider, with its HTTP client and its cached metadata and keys.
pub struct OpenIdConnectProvider {
    pub(crate) settings: ProviderSettings,
    entropy: Arc<Entropy>,
    client: Client,
    auth_memory: AuthMemory,
    pub(crate) http: Http,
    server: Cached<Server>,
    keys: Cached<CoreJsonWebKeySet>,
    observer: Arc<dyn Observer>,
}

impl OpenIdConnectProvider {
    /// Creates a provider without contacting it. The clock is needed for dates in `Retry-After` and for the caches. The
    /// random source creates the values that bind an authorization code to its request.
    ///
    /// # Errors
    /// When the settings cannot work, or this machine has no CA certificates for the https that they need.
    ///
    /// # Panics
    /// When the process has no default `rustls` crypto provider.
    pub fn new(
        settings: ProviderSettings,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        if let Some(scope) = settings.missing_identity_scope() {
            tracing::warn!(
                provider = settings.name.as_str(),
                scope,
                "links cannot complete: without this scope the provider does not say who consents"
            );
        }
        let dialect = Dialect::new(&settings.quirks);
        let own = settings.addresses().map(|(_, url)| url);
        let names = Names::new(settings.issuer.as_ref(), own);
        let http = Http::new(settings.name.as_str(), dialect, names, Arc::clone(&clock))?;
        for (_, url) in settings.addresses() {
            http.prepare(url)?;
        }
        Ok(Self {
            client: Client::new(settings.client_id.clone(), settings.client_secret.clone()),
            http,
            auth_memory: AuthMemory::new(Arc::clone(&clock)),
            server: Cached::new(Arc::clone(&clock)),
            keys: Cached::new(clock),
            observer: Arc::new(Unobserved),
            entropy,
            settings,
        })
    }

    /// Reports cache lookups to this observer. Adds these headers to requests if the settings enable trace context.
    #[must_use]
    pub fn watched(mut self, observer: Arc<dyn Observer>, trace_headers: TraceHeaders) -> Self {
        if self.settings.trace_context {
            self.http.carry(trace_headers);
        }
        self.observer = observer;
        self
    }

    pub(crate) fn deadline(&self) -> Deadline {
        self.http.deadline(self.settings.timeout)
    }

    pub(crate) async fn server(&self, deadline: Deadline) -> Result<Arc<Server>, ProviderError> {
        let Some(issuer) = &self.settings.issuer else {
            return Ok(Arc::new(Server::described(&self.settings)));
        };
        let discover = async |deadline| {
            let template = self.settings.quirks.identity.issuer_template.as_deref();
            let metadata = Metadata::discover(&self.http, issuer, template, deadline).await?;
            Server::discovered(&self.settings, &metadata)
        };
        self.look_up(&self.server, Cache::Metadata, deadline, discover)
            .await
    }

    /// Looks up a value, and reports whether it was cached.
    async fn look_up<T>(
        &self,
        cached: &Cached<T>,
        cache: Cache,
        deadline: Deadline,
        fetch: impl AsyncFnOnce(Deadline) -> Result<T, ProviderError>,
    ) -> Result<Arc<T>, ProviderError> {
        let missed = AtomicBool::new(false);
        let fetch = async |deadline| {
            missed.store(true, Ordering::Relaxed);
            fetch(deadline).await
        };
        let value = cached.get(deadline, fetch).await;
        let hit = !missed.load(Ordering::Relaxed);
        self.observer.cache_read(cache, hit);
        value
    }

    async fn revoke_at(
        &self,
        server: &Server,
        token: TokenToRevoke<'_>,
        deadline: Deadline,
    ) -> Result<Revoked, ProviderError> {
        let Some(endpoint) = server.revocation()? else {
            return Ok(Revoked::Unsupported);
        };
        let quirks = &self.settings.quirks.revocation;
        if !revocation::takes(token, quirks) {
            return Ok(Revoked::Unsupported);
        }
        if quirks.ends_grants_of_live_tokens && !self.is_live(token, server, deadline).await? {
            return Ok(Revoked::Unknown);
        }
        let request = revocation::request(endpoint, token, quirks)?;
        let has_secret = self.client.secret.is_some();
        let usual = server.revocation_auth;
        let answer = match revocation::auth(quirks, has_secret, usual)? {
            Some(auth) => self.post(auth, request, deadline).await?,
            None => self.http.send(request, deadline).await?,
        };
        revocation::read(answer, quirks)
    }

    /// Returns the parser for token responses. `scopes` apply if a response names none.
    fn token_responses<'a>(
        &'a self,
        server: &Server,
        scopes: &'a [String],
    ) -> Result<TokenResponses<'a>, ProviderError> {
        Ok(TokenResponses {
            scopes,
            origin: server.token_origin()?,
            quirks: &self.settings.quirks,
            extra: &self.settings.extra,
            now: self.http.now(),
        })
    }
}

#[async_trait]
impl OAuthProvider for OpenIdConnectProvider {
    fn name(&self) -> &ProviderName {
        &self.settings.name
    }

    fn display_name(&self) -> &str {
        match self.settings.display_name.as_str() {
            "" => self.settings.name.as_str(),
            name => name,
        }
    }

    fn consent_name(&self) -> Option<&str> {
        self.settings.consent_name.as_deref()
    }

    fn scopes(&self) -> &[String] {
        &self.settings.scopes
    }

    fn scope_words(&self, scope: &str) -> Option<ScopeWords> {
        self.settings.words_of(scope)
    }

    fn uses_redirects(&self) -> bool {
        self.settings.flow == Flow::AuthorizationCode
    }

    fn client_id(&self) -> String {
        self.settings.client_id.clone()
    }

    async fn origin(&self) -> Result<TokenOrigin, ProviderError> {
        match &self.settings.token_endpoint {
            Some(_) => Server::described(&self.settings).token_origin(),
            None => self.server(self.deadline()).await?.token_origin(),
        }
    }

    async fn begin_consent(&self, wanted: &ConsentRequest) -> Result<Consent, ProviderError> {
        let (deadline, flow) = (self.deadline(), self.settings.flow);
        let mut server = self.server(deadline).await?;
        // The metadata may have changed since it was cached.
        if server.check_for_consent(flow).is_err() {
            self.server.expire().await;
            server = self.server(deadline).await?;
        }
        server.check_for_consent(flow)?;
        match flow {
            Flow::Device => self.begin_device_flow(&server, deadline).await,
            Flow::AuthorizationCode => {
                authorization_code::begin(&self.settings, &server, wanted, &self.entropy)
            }
        }
    }

    async fn redeem(
        &self,
        handle: &ConsentHandle,
        callback: Option<&CallbackQuery>,
    ) -> Result<Redemption, ProviderError> {
        let deadline = self.deadline();
        let server = self.server(deadline).await?;
        match (handle, callback) {
            (ConsentHandle::DeviceCode(code), None) => {
                self.redeem_device_code(code, &server, deadline).await
            }
            (ConsentHandle::PendingCallback(pending), Some(callback)) => {
                self.redeem_code(pending, callback, &server, deadline).await
            }
            _ => Err(authorization_code::other_flow()),
        }
    }

    fn passing_error(&self, callback: &CallbackQuery) -> Option<String> {
        authorization_code::passing_error(callback, self.http.dialect())
    }

    async fn refresh(
        &self,
        refresh_token: &RefreshToken,
        granted: &[String],
    ) -> Result<RefreshAnswer, RefreshError> {
        let deadline = self.deadline();
        let server = self.server(deadline).await?;
        let quirks = &self.settings.quirks;
        let mut request = Request::post(server.token()?).json_if(quirks.token.json_requests);
        request.field("grant_type", "refresh_token");
        request.secret_field("refresh_token", refresh_token.expose());
        request.extra_fields(&quirks.refresh.parameters);
        let auth = match self.settings.flow {
            Flow::Device => server.auth.in_device_flow(&quirks.device),
            Flow::AuthorizationCode => server.auth,
        };
        let answer = self.post(auth, request, deadline).await?;
        let responses = self.token_responses(&server, granted)?;
        refresh::read(answer, refresh_token, responses)
    }

    async fn revoke(&self, token: TokenToRevoke<'_>) -> Result<Revoked, ProviderError> {
        let deadline = self.deadline();
        let server = self.server(deadline).await?;
        let outcome = self.revoke_at(&server, token, deadline).await;
        // If the endpoint seemed to be gone, `server` fetches the metadata again.
        if outcome.is_err()
            && let Ok(renewed) = self.server(deadline).await
            && renewed.revocation().ok() != server.revocation().ok()
        {
            return self.revoke_at(&renewed, token, deadline).await;
        }
        outcome
    }

    fn userinfo_has_same_id(&self) -> bool {
        // With a template, the tenant is part of the id from an ID token, and userinfo does not name it. Without
        // pointers, the id is `sub`, which must be equal in both (OpenID Connect Core section 5.3.2).
        let quirks = &self.settings.quirks.identity;
        quirks.issuer_template.is_none() && quirks.id.is_empty()
    }

    async fn identify(
        &self,
        access_token: &AccessToken,
        id_token: Option<&IdToken>,
        requested_at: Timestamp,
    ) -> Result<Identity, ProviderError> {
        let deadline = self.deadline();
        let server = self.server(deadline).await?;
        let person = match (id_token, &server.issuer, &server.userinfo) {
            (Some(id_token), Some(issuer), _) => {
                let person = self
                    .verify(id_token, issuer, requested_at, deadline)
                    .await?;
                self.name(person, &server, access_token, deadline).await
            }
            (_, _, Some(url)) => self.ask_userinfo(url, access_token, deadline).await?,
            _ => return Ok(Identity::Unknown),
        };
        Ok(person.into())
    }
}
