//! A provider whose calls are counted and timed.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{Identity, ProviderName, TokenOrigin};
use central_oauth_domain::observe::{CallOutcome, Exchange, Observer, ProviderCall};
use central_oauth_domain::ports::{
    Consent, ConsentHandle, ConsentRequest, OAuthProvider, ProviderError, Redemption,
    RefreshAnswer, RefreshError, Revoked, ScopeWords, TokenToRevoke,
};
use central_oauth_domain::secret::{AccessToken, CallbackQuery, IdToken, RefreshToken};
use tracing::field::Empty;
use tracing::{Instrument as _, Span, debug_span};

/// An instrumented provider.
pub struct ObservedProvider {
    provider: Arc<dyn OAuthProvider>,
    observer: Arc<dyn Observer>,
}

impl ObservedProvider {
    /// Instruments `provider` and reports its calls to `observer`.
    #[must_use]
    pub fn new(provider: Arc<dyn OAuthProvider>, observer: Arc<dyn Observer>) -> Self {
        Self { provider, observer }
    }

    async fn watch<T, E>(
        &self,
        exchange: Exchange,
        call: impl Future<Output = Result<T, E>>,
        cause: impl FnOnce(&E) -> &ProviderError,
    ) -> Result<T, E> {
        let provider = self.provider.name();
        let word = exchange.as_str();
        let span = span(provider, word);
        let started = Instant::now();
        let answer = call.instrument(span.clone()).await;
        let error = answer.as_ref().err().map(cause);
        let outcome = error.map_or(CallOutcome::Answered, CallOutcome::from);
        span.record("outcome", outcome.as_str());
        if error.is_some() {
            span.record("error.type", outcome.as_str());
            span.record("otel.status_code", "ERROR");
        }
        self.observer.provider_called(&ProviderCall {
            provider,
            exchange,
            outcome,
            took: started.elapsed(),
        });
        answer
    }
}

fn span(provider: &ProviderName, exchange: &str) -> Span {
    debug_span!(
        "provider call",
        otel.status_code = Empty,
        %provider,
        exchange,
        outcome = Empty,
        error.type = Empty,
    )
}

const fn itself(error: &ProviderError) -> &ProviderError {
    error
}

#[async_trait]
impl OAuthProvider for ObservedProvider {
    fn name(&self) -> &ProviderName {
        self.provider.name()
    }

    fn display_name(&self) -> &str {
        self.provider.display_name()
    }

    fn consent_name(&self) -> Option<&str> {
        self.provider.consent_name()
    }

    fn scopes(&self) -> &[String] {
        self.provider.scopes()
    }

    fn scope_words(&self, scope: &str) -> Option<ScopeWords> {
        self.provider.scope_words(scope)
    }

    fn uses_redirects(&self) -> bool {
        self.provider.uses_redirects()
    }

    fn client_id(&self) -> String {
        self.provider.client_id()
    }

    async fn origin(&self) -> Result<TokenOrigin, ProviderError> {
        self.provider.origin().await
    }

    async fn begin_consent(&self, request: &ConsentRequest) -> Result<Consent, ProviderError> {
        let call = self.provider.begin_consent(request);
        self.watch(Exchange::Consent, call, itself).await
    }

    async fn redeem(
        &self,
        handle: &ConsentHandle,
        callback: Option<&CallbackQuery>,
    ) -> Result<Redemption, ProviderError> {
        let call = self.provider.redeem(handle, callback);
        self.watch(Exchange::Redeem, call, itself).await
    }

    fn passing_error(&self, callback: &CallbackQuery) -> Option<String> {
        self.provider.passing_error(callback)
    }

    async fn refresh(
        &self,
        refresh_token: &RefreshToken,
        granted: &[String],
    ) -> Result<RefreshAnswer, RefreshError> {
        let call = self.provider.refresh(refresh_token, granted);
        self.watch(Exchange::Refresh, call, |error| &error.cause)
            .await
    }

    async fn revoke(&self, token: TokenToRevoke<'_>) -> Result<Revoked, ProviderError> {
        let call = self.provider.revoke(token);
        self.watch(Exchange::Revoke, call, itself).await
    }

    fn userinfo_has_same_id(&self) -> bool {
        self.provider.userinfo_has_same_id()
    }

    async fn identify(
        &self,
        access_token: &AccessToken,
        id_token: Option<&IdToken>,
        requested_at: Timestamp,
    ) -> Result<Identity, ProviderError> {
        let call = self.provider.identify(access_token, id_token, requested_at);
        self.watch(Exchange::Identify, call, itself).await
    }
}
