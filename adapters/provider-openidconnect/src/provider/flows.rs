//! The two flows in which a person consents: by device code, and by a redirect with an authorization code.

use central_oauth_domain::grant::TokenGrant;
use central_oauth_domain::ports::{Consent, ProviderError, Redemption};
use central_oauth_domain::secret::{CallbackQuery, DeviceCode, PendingCallback};
use url::Url;

use super::OpenIdConnectProvider;
use crate::authorization_code::{CallbackResponse, PendingAuthorization};
use crate::deadline::Deadline;
use crate::http::{Fields, Rejection, Request, paused, split, unworded};
use crate::scrub::Scrubber;
use crate::server::Server;
use crate::{authorization_code, device_authorization, token};

/// RFC 8628 section 3.4.
const DEVICE_CODE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

impl OpenIdConnectProvider {
    pub(super) async fn begin_device_flow(
        &self,
        server: &Server,
        deadline: Deadline,
    ) -> Result<Consent, ProviderError> {
        let quirks = &self.settings.quirks.device;
        let endpoint = server.device_authorization()?;
        let mut request = Request::post(endpoint);
        self.name_scopes(&mut request);
        request.extra_fields(&quirks.parameters);
        let auth = server.auth.in_device_flow(quirks).at_device_endpoint();
        let answer = self.post(auth, request, deadline).await?;
        let pause = answer.retry_after;
        let fields = answer.success()?.unwrapped("device_code");
        let consent = device_authorization::read(&fields, endpoint, quirks);
        consent.map_err(|error| paused(error, pause))
    }

    pub(super) async fn redeem_device_code(
        &self,
        device_code: &DeviceCode,
        server: &Server,
        deadline: Deadline,
    ) -> Result<Redemption, ProviderError> {
        let quirks = &self.settings.quirks.device;
        let token_endpoint = server.token()?;
        let endpoint = self.settings.device_token_endpoint.as_ref();
        let mut request = Request::post(endpoint.unwrap_or(token_endpoint));
        let grant_type = quirks.grant_type.as_deref().unwrap_or(DEVICE_CODE_GRANT);
        request.field("grant_type", grant_type);
        let parameter = quirks.code_parameter.as_deref().unwrap_or("device_code");
        request.secret_field(parameter, device_code.expose());
        if quirks.polls_repeat_scopes {
            self.name_scopes(&mut request);
        }
        request.extra_fields(&self.settings.quirks.token.parameters);
        let auth = server.auth.in_device_flow(quirks);
        let answer = self.post(auth, request, deadline).await?;
        let secrets = answer.secrets.clone();
        match answer.unwrapped().tokens() {
            Ok(fields) => {
                let scopes = &self.settings.scopes;
                self.read_tokens(&fields, &secrets, server, scopes, |_| Ok(()))
            }
            Err(Rejection::Worded(error)) => device_authorization::unfinished(error),
            Err(Rejection::Failed(error)) => Err(error),
        }
    }

    /// Adds the scopes to a request of the device flow (RFC 8628 section 3.1).
    fn name_scopes(&self, request: &mut Request) {
        let (scopes, quirks) = (&self.settings.scopes, &self.settings.quirks);
        if !scopes.is_empty() {
            let parameter = quirks.device.scope_parameter.as_deref();
            request.field(parameter.unwrap_or("scope"), &quirks.scopes.join(scopes));
        }
    }

    pub(super) async fn redeem_code(
        &self,
        pending: &PendingCallback,
        callback: &CallbackQuery,
        server: &Server,
        deadline: Deadline,
    ) -> Result<Redemption, ProviderError> {
        let pending = PendingAuthorization::read(pending)?;
        let (code, named) = match authorization_code::read(callback, server, self.http.dialect())? {
            CallbackResponse::Code { code, scopes } => (code, scopes),
            CallbackResponse::Denied(words) => return Ok(Redemption::Denied(words)),
        };
        let token_endpoint = server.token()?;
        let request = pending.token_request(token_endpoint, &code, &self.settings);
        let answer = self.post(server.auth, request, deadline).await?;
        let (status, is_page) = (answer.status, answer.is_page());
        let secrets = answer.secrets.clone();
        let fields = match answer.unwrapped().tokens() {
            Ok(fields) => fields,
            Err(Rejection::Worded(error)) => return Err(error.into()),
            Err(Rejection::Failed(cause)) if self.has_moved(token_endpoint, deadline).await => {
                return Err(cause);
            }
            // A code cannot be used again, so any rejection is final.
            Err(Rejection::Failed(cause)) => return Err(unworded(cause, status, is_page)),
        };
        let requested = &self.settings.scopes;
        let mut named = named.filter(|_| self.settings.quirks.scopes.in_callback);
        // The callback comes through the browser, where the person can add scopes, so only requested scopes count. An
        // operator may have configured several scopes as one text, with the provider's separator.
        if let Some(named) = &mut named {
            let requested: Vec<_> = requested.iter().flat_map(|scope| split(scope)).collect();
            named.retain(|scope| requested.contains(&&**scope));
        }
        let scopes = named.as_deref().unwrap_or(requested);
        self.read_tokens(&fields, &secrets, server, scopes, |grant| {
            pending.check_nonce(grant.id_token.as_ref(), server)
        })
    }
    /// Whether the issuer's metadata now names another token endpoint. Then the old one cannot have redeemed the code.
    async fn has_moved(&self, token_endpoint: &Url, deadline: Deadline) -> bool {
        let server = self.server(deadline).await;
        server.is_ok_and(|server| server.token().is_ok_and(|now| now != token_endpoint))
    }

    /// Reads the tokens of a response. `scopes` apply if the response names none. Tokens that fail a check are returned
    /// as unusable, so that the caller can revoke them: they are valid at the provider.
    fn read_tokens(
        &self,
        fields: &Fields,
        secrets: &Scrubber,
        server: &Server,
        scopes: &[String],
        check: impl FnOnce(&TokenGrant) -> Result<(), ProviderError>,
    ) -> Result<Redemption, ProviderError> {
        let responses = self.token_responses(server, scopes)?;
        let quirks = &responses.quirks.token;
        let grant = Box::new(responses.read_grant(fields)?);
        let checked = token::check_type(fields, quirks, secrets).and_then(|()| check(&grant));
        Ok(match checked {
            Ok(()) => Redemption::Granted(grant),
            Err(why) => Redemption::Unusable { grant, why },
        })
    }
}
