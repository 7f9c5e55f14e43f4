//! The adapter itself.

use std::sync::Arc;

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::entropy::Entropy;
use central_oauth_domain::grant::{Identity, ProviderName, TokenGrant, TokenOrigin};
use central_oauth_domain::ports::{
    Clock, Consent, ConsentRequest, OAuthProvider, ProviderError, Redemption, RefreshError,
    Revoked, TokenToRevoke,
};
use central_oauth_domain::secret::{AccessToken, CallbackQuery, DeviceCode, IdToken, RefreshToken};
use openidconnect::core::CoreJsonWebKeySet;
use url::Url;

use crate::authorization_code::{Brought, Errand};
use crate::client_auth::{Client, ClientAuthMethod};
use crate::deadline::Deadline;
use crate::discovery::Metadata;
use crate::http::{Answer, Http, Rejection, Request, Unanswered};
use crate::identity::{Person, Unverified, Verifier, ask_userinfo};
use crate::kept::Kept;
use crate::oauth_error::{OAuthError, Step};
use crate::server::{Issuer, Server};
use crate::settings::{Flow, ProviderSettings, SettingsError};
use crate::{authorization_code, device_authorization, refresh, revocation, token};

/// RFC 8628 section 3.4.
const DEVICE_CODE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A provider, with the flow that its settings say.
pub struct OpenIdConnectProvider {
    settings: ProviderSettings,
    entropy: Arc<Entropy>,
    client: Client,
    http: Http,
    server: Kept<Server>,
    keys: Kept<CoreJsonWebKeySet>,
}

impl OpenIdConnectProvider {
    /// Takes the settings; the provider is not asked anything yet. The clock judges dates in `Retry-After` and the
    /// age of what was discovered; the random source makes what ties an authorization code to its request.
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
        let http = Http::new(settings.name.as_str(), Arc::clone(&clock))?;
        for (_, url) in settings.addresses() {
            http.prepare(url)?;
        }
        Ok(Self {
            client: Client::new(settings.client_id.clone(), settings.client_secret.clone()),
            http,
            server: Kept::new(Arc::clone(&clock)),
            keys: Kept::new(clock),
            entropy,
            settings,
        })
    }

    fn origin_of(&self, token_endpoint: &Url) -> TokenOrigin {
        TokenOrigin {
            token_endpoint: token_endpoint.to_string(),
            client_id: self.settings.client_id.clone(),
        }
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.settings.timeout)
    }

    async fn server(&self, deadline: Deadline) -> Result<Arc<Server>, ProviderError> {
        let Some(issuer) = &self.settings.issuer else {
            return Ok(Arc::new(Server::described(&self.settings)));
        };
        let discover = async |deadline| {
            let metadata = Metadata::discover(&self.http, issuer, deadline).await?;
            Server::discovered(&self.settings, &metadata)
        };
        self.server.get(deadline, discover).await
    }

    /// Posts a form with this client's credentials: how every endpoint but userinfo is asked.
    async fn post(
        &self,
        auth_method: ClientAuthMethod,
        mut request: Request,
        deadline: Deadline,
    ) -> Result<Answer, Unanswered> {
        self.client.authenticate(auth_method, &mut request)?;
        self.http.send(request, deadline).await
    }

    async fn begin_device_flow(
        &self,
        server: &Server,
        deadline: Deadline,
    ) -> Result<Consent, ProviderError> {
        let mut request = Request::post(server.device_authorization()?);
        if !self.settings.scopes.is_empty() {
            request.field("scope", &self.settings.scopes.join(" "));
        }
        let answer = self.post(server.auth_method, request, deadline).await?;
        device_authorization::read(&answer.success()?)
    }

    async fn redeem_device_code(
        &self,
        device_code: &DeviceCode,
        server: &Server,
        deadline: Deadline,
    ) -> Result<Redemption, ProviderError> {
        let token_endpoint = server.token()?;
        let mut request = Request::post(token_endpoint);
        request.field("grant_type", DEVICE_CODE_GRANT);
        request.secret_field("device_code", device_code.expose());
        let answer = self.post(server.auth_method, request, deadline).await?;
        match answer.success() {
            Ok(fields) => {
                let grant = token::read(
                    &fields,
                    &self.settings.scopes,
                    self.origin_of(token_endpoint),
                )?;
                Ok(Redemption::Granted(Box::new(grant)))
            }
            Err(Rejection::Worded(error)) => unfinished(error),
            Err(Rejection::Failed(error)) => Err(error),
        }
    }

    async fn redeem_code(
        &self,
        handle: &DeviceCode,
        callback: &CallbackQuery,
        server: &Server,
        deadline: Deadline,
    ) -> Result<Redemption, ProviderError> {
        let errand = Errand::from_handle(handle)?;
        let code = match authorization_code::read(callback, server)? {
            Brought::Code(code) => code,
            Brought::Denied => return Ok(Redemption::Denied),
        };
        let token_endpoint = server.token()?;
        let request = errand.token_request(token_endpoint, &code);
        let answer = self.post(server.auth_method, request, deadline).await?;
        let origin = self.origin_of(token_endpoint);
        let grant = token::read(&answer.success()?, &self.settings.scopes, origin)?;
        errand.check_nonce(grant.id_token.as_ref())?;
        Ok(Redemption::Granted(Box::new(grant)))
    }

    async fn verify(
        &self,
        id_token: &IdToken,
        issuer: &Issuer,
        requested_at: Timestamp,
        deadline: Deadline,
    ) -> Result<Person, ProviderError> {
        // Judged as of when it was asked for: who it names does not change while the keys are out of reach.
        let verifier = Verifier::new(id_token, issuer, &self.client, requested_at)?;
        let fetch = |deadline| self.fetch_keys(&issuer.jwks_uri, deadline);
        let keys = self.keys.get(deadline, fetch).await?;
        match verifier.person(&keys) {
            // The issuer may have rotated its keys (OpenID Connect Core section 10.1.1).
            Err(Unverified::UnknownKey) => {
                let keys = self.keys.renew(deadline, fetch).await?;
                Ok(verifier.person(&keys)?)
            }
            judged => Ok(judged?),
        }
    }

    async fn fetch_keys(
        &self,
        jwks_uri: &Url,
        deadline: Deadline,
    ) -> Result<CoreJsonWebKeySet, ProviderError> {
        let answer = self.http.send(Request::get(jwks_uri), deadline).await?;
        serde_json::from_value(answer.success()?.into_value()).map_err(|_| {
            ProviderError::Nonsense {
                detail: "an answer that is no set of keys".to_owned(),
            }
        })
    }

    /// Adds a name from userinfo to a person whom the ID token left without one. Userinfo about somebody else must not
    /// be used (OpenID Connect Core section 5.3.2); nothing but the name is lost when it fails.
    async fn name(
        &self,
        person: Person,
        server: &Server,
        access_token: &AccessToken,
        deadline: Deadline,
    ) -> Person {
        let (None, Some(url)) = (&person.name, &server.userinfo) else {
            return person;
        };
        match ask_userinfo(&self.http, url, access_token, deadline).await {
            Ok(described) if described.id == person.id => described,
            _ => person,
        }
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

    fn scopes(&self) -> &[String] {
        &self.settings.scopes
    }

    async fn origin(&self) -> Result<TokenOrigin, ProviderError> {
        match &self.settings.token_endpoint {
            Some(given) => Ok(self.origin_of(given)),
            None => Ok(self.origin_of(self.server(self.deadline()).await?.token()?)),
        }
    }

    async fn begin_consent(&self, wanted: &ConsentRequest) -> Result<Consent, ProviderError> {
        let deadline = self.deadline();
        let server = self.server(deadline).await?;
        match self.settings.flow {
            Flow::Device => self.begin_device_flow(&server, deadline).await,
            Flow::AuthorizationCode => {
                authorization_code::begin(&self.settings, &server, wanted, &self.entropy)
            }
        }
    }

    async fn redeem(
        &self,
        handle: &DeviceCode,
        callback: Option<&CallbackQuery>,
    ) -> Result<Redemption, ProviderError> {
        let deadline = self.deadline();
        let server = self.server(deadline).await?;
        match callback {
            Some(callback) => self.redeem_code(handle, callback, &server, deadline).await,
            None => self.redeem_device_code(handle, &server, deadline).await,
        }
    }

    async fn refresh(
        &self,
        refresh_token: &RefreshToken,
        granted: &[String],
    ) -> Result<TokenGrant, RefreshError> {
        let deadline = self.deadline();
        let server = self.server(deadline).await?;
        let token_endpoint = server.token()?;
        let mut request = Request::post(token_endpoint);
        request.field("grant_type", "refresh_token");
        request.secret_field("refresh_token", refresh_token.expose());
        let answer = self.post(server.auth_method, request, deadline).await?;
        refresh::read(answer, granted, self.origin_of(token_endpoint))
    }

    async fn revoke(&self, token: TokenToRevoke<'_>) -> Result<Revoked, ProviderError> {
        let deadline = self.deadline();
        let server = self.server(deadline).await?;
        let Some(endpoint) = server.revocation()? else {
            return Ok(Revoked::Unsupported);
        };
        let request = revocation::request(endpoint, token);
        let auth_method = server.revocation_auth_method;
        revocation::read(self.post(auth_method, request, deadline).await?)
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
            (_, _, Some(url)) => ask_userinfo(&self.http, url, access_token, deadline).await?,
            _ => return Ok(Identity::Unknown),
        };
        Ok(person.into())
    }
}

/// What an error of the token endpoint means for a flow that goes on (RFC 8628 section 3.5).
fn unfinished(error: OAuthError) -> Result<Redemption, ProviderError> {
    match error.step() {
        Some(Step::Pending) => Ok(Redemption::Pending),
        Some(Step::SlowDown) => Ok(Redemption::SlowDown {
            interval: error.interval.or(error.retry_after),
        }),
        Some(Step::Denied) => Ok(Redemption::Denied),
        Some(Step::Expired) => Ok(Redemption::Expired),
        None => Err(error.into()),
    }
}
