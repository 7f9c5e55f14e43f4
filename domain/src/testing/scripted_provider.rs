//! A provider with scripted responses.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;

use crate::grant::{Identity, ProviderName, TokenGrant, TokenOrigin};
use crate::lock::lock;
use crate::ports::{
    Consent, ConsentHandle, ConsentRequest, OAuthProvider, Prompt, ProviderError, Redemption,
    RefreshAnswer, RefreshError, Revoked, ScopeWords, TokenToRevoke,
};
use crate::secret::{
    AccessToken, CallbackQuery, ConsentUri, DeviceCode, IdToken, PendingCallback, RefreshToken,
    UserCode,
};
use crate::time::Timestamp;

/// A provider with scripted responses. By default, consents start, the person has not responded yet, and people are
/// identified as Alice.
pub struct ScriptedProvider {
    name: ProviderName,
    consent_name: Option<String>,
    scopes: Vec<String>,
    scope_words: BTreeMap<String, ScopeWords>,
    script: Mutex<Script>,
}

#[derive(Default)]
struct Script {
    consents: VecDeque<ProviderError>,
    redemptions: VecDeque<Result<Redemption, ProviderError>>,
    identities: VecDeque<Result<Identity, ProviderError>>,
    refreshes: VecDeque<Result<RefreshAnswer, RefreshError>>,
    redeemed: usize,
    by_redirect: bool,
    callbacks: Vec<String>,
    presented: Vec<String>,
    revocations: VecDeque<Result<Revoked, ProviderError>>,
    revoked: Vec<String>,
    moved_to: Option<TokenOrigin>,
    has_own_userinfo_ids: bool,
}

impl ScriptedProvider {
    /// The lifetime of the provider's device codes.
    pub const EXPIRES_IN: Duration = Duration::from_secs(900);
    /// The provider's polling interval.
    pub const INTERVAL: Duration = Duration::from_secs(5);

    /// Creates a provider with this name and without scripted responses.
    pub fn new(name: &str) -> Self {
        Self {
            name: ProviderName::new(name),
            consent_name: None,
            scopes: vec!["profile".to_owned()],
            scope_words: BTreeMap::new(),
            script: Mutex::default(),
        }
    }

    /// Sets this service's name on the provider's consent page.
    pub fn showing_us_as(self, name: &str) -> Self {
        let consent_name = Some(name.to_owned());
        Self {
            consent_name,
            ..self
        }
    }

    /// Removes all requested scopes. `text` describes what a request without scopes permits.
    pub fn without_scopes(mut self, text: &str) -> Self {
        self.scopes.clear();
        let (text, language) = (text.to_owned(), Some("en"));
        let words = ScopeWords { text, language };
        self.scope_words.insert(String::new(), words);
        self
    }

    /// Adds a requested scope. `text` describes what the scope permits.
    pub fn with_scope(mut self, scope: &str, text: &str, language: Option<&'static str>) -> Self {
        let text = text.to_owned();
        let words = ScopeWords { text, language };
        self.scopes.push(scope.to_owned());
        self.scope_words.insert(scope.to_owned(), words);
        self
    }

    /// Switches to a redirect flow.
    pub fn send_people_back(&self) {
        self.script().by_redirect = true;
    }

    /// Returns the callbacks that [`OAuthProvider::redeem`] received, oldest first.
    pub fn callbacks(&self) -> Vec<String> {
        self.script().callbacks.clone()
    }

    /// Makes the next start of a consent fail.
    pub fn refuse_consent(&self, error: ProviderError) {
        self.script().consents.push_back(error);
    }

    /// Scripts the response to the next request for tokens.
    pub fn answer_redeem(&self, answer: Result<Redemption, ProviderError>) {
        self.script().redemptions.push_back(answer);
    }

    /// Scripts the response to the next identification.
    pub fn answer_identify(&self, answer: Result<Identity, ProviderError>) {
        self.script().identities.push_back(answer);
    }

    /// Makes the userinfo endpoint give people different ids from those in ID tokens.
    pub fn give_own_ids_in_userinfo(&self) {
        self.script().has_own_userinfo_ids = true;
    }

    /// Scripts the response to the next refresh. By default, a refresh returns tokens.
    pub fn answer_refresh(&self, answer: Result<TokenGrant, RefreshError>) {
        let answer = answer.map(|granted| RefreshAnswer::Granted(Box::new(granted)));
        self.script().refreshes.push_back(answer);
    }

    /// Scripts a refresh that returns this refresh token but no usable access token.
    pub fn answer_refresh_in_vain(&self, refresh_token: Option<&str>, why: ProviderError) {
        let refresh_token = refresh_token.map(RefreshToken::new);
        let answer = RefreshAnswer::Unusable { refresh_token, why };
        self.script().refreshes.push_back(Ok(answer));
    }

    /// Discards the scripted responses to refreshes.
    pub fn forget_refreshes(&self) {
        self.script().refreshes.clear();
    }

    /// Returns the refresh tokens that were used, in order.
    pub fn presented(&self) -> Vec<String> {
        self.script().presented.clone()
    }

    /// Scripts the response to the next revocation. By default, the token is revoked.
    pub fn answer_revoke(&self, answer: Result<Revoked, ProviderError>) {
        self.script().revocations.push_back(answer);
    }

    /// Returns the revoked tokens, in order.
    pub fn revoked(&self) -> Vec<String> {
        self.script().revoked.clone()
    }

    /// Changes the configured origin. `None` restores the original.
    pub fn move_to(&self, origin: Option<TokenOrigin>) {
        self.script().moved_to = origin;
    }

    /// Returns the number of token requests.
    pub fn times_redeemed(&self) -> usize {
        self.script().redeemed
    }

    /// Returns tokens that last an hour, as the result of redeeming a consent.
    pub fn grant(access_token: &str, refresh_token: Option<&str>) -> Redemption {
        Redemption::Granted(Box::new(Self::tokens(access_token, refresh_token)))
    }

    /// Returns tokens that last an hour.
    pub fn tokens(access_token: &str, refresh_token: Option<&str>) -> TokenGrant {
        TokenGrant {
            access_token: AccessToken::new(access_token),
            refresh_token: refresh_token.map(RefreshToken::new),
            id_token: None,
            expires_in: Some(Duration::from_secs(3600)),
            assumed_expires_in: None,
            exp: None,
            refresh_token_expires_in: None,
            grant_expires_in: None,
            scopes: vec!["profile".to_owned()],
            extra: Vec::new(),
            origin: Self::origin(),
        }
    }

    fn origin() -> TokenOrigin {
        TokenOrigin {
            issuer: None,
            token_endpoint: "https://provider.test/token".to_owned(),
            client_id: "client".to_owned(),
        }
    }

    /// Returns the identity of a person whom the provider identifies.
    pub fn person(account_id: &str) -> Identity {
        Identity::Known {
            account_id: account_id.to_owned(),
            display_name: Some(format!("{account_id}'s name")),
        }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.script)
    }
}

#[async_trait]
impl OAuthProvider for ScriptedProvider {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn display_name(&self) -> &'static str {
        "Scripted Provider"
    }

    fn consent_name(&self) -> Option<&str> {
        self.consent_name.as_deref()
    }

    fn scopes(&self) -> &[String] {
        &self.scopes
    }

    fn scope_words(&self, scope: &str) -> Option<ScopeWords> {
        self.scope_words.get(scope).cloned()
    }

    fn uses_redirects(&self) -> bool {
        self.script().by_redirect
    }

    fn client_id(&self) -> String {
        let moved_to = self.script().moved_to.clone();
        moved_to.unwrap_or_else(Self::origin).client_id
    }

    async fn origin(&self) -> Result<TokenOrigin, ProviderError> {
        let moved_to = self.script().moved_to.clone();
        Ok(moved_to.unwrap_or_else(Self::origin))
    }

    async fn begin_consent(&self, request: &ConsentRequest) -> Result<Consent, ProviderError> {
        if let Some(error) = self.script().consents.pop_front() {
            return Err(error);
        }
        if self.script().by_redirect {
            let (state, back) = (&request.state, &request.redirect_uri);
            let uri = format!("https://provider.test/authorize?state={state}&redirect_uri={back}");
            return Ok(Consent {
                handle: ConsentHandle::PendingCallback(PendingCallback::new("verifier")),
                prompt: Prompt::Visit {
                    uri: ConsentUri::new(uri),
                },
                expires_in: Self::EXPIRES_IN,
                interval: None,
            });
        }
        Ok(Consent {
            handle: ConsentHandle::DeviceCode(DeviceCode::new("device-code")),
            prompt: Prompt::UserCode {
                user_code: UserCode::new("BCDF-GHJK"),
                verification_uri: "https://provider.test/device".to_owned(),
                verification_uri_complete: Some(ConsentUri::new(
                    "https://provider.test/device?user_code=BCDF-GHJK",
                )),
            },
            expires_in: Self::EXPIRES_IN,
            interval: Some(Self::INTERVAL),
        })
    }

    async fn redeem(
        &self,
        _: &ConsentHandle,
        callback: Option<&CallbackQuery>,
    ) -> Result<Redemption, ProviderError> {
        let mut script = self.script();
        script.redeemed += 1;
        let brought = callback.map(|callback| callback.expose().to_owned());
        script.callbacks.extend(brought);
        script
            .redemptions
            .pop_front()
            .unwrap_or(Ok(Redemption::Pending { interval: None }))
    }

    fn passing_error(&self, callback: &CallbackQuery) -> Option<String> {
        let code = "temporarily_unavailable";
        callback.expose().contains(code).then(|| code.to_owned())
    }

    async fn refresh(
        &self,
        refresh_token: &RefreshToken,
        _: &[String],
    ) -> Result<RefreshAnswer, RefreshError> {
        let mut script = self.script();
        script.presented.push(refresh_token.expose().to_owned());
        let number = script.presented.len();
        script.refreshes.pop_front().unwrap_or_else(|| {
            let (access, refresh) = (format!("refreshed-{number}"), format!("rotated-{number}"));
            let tokens = Self::tokens(&access, Some(&refresh));
            Ok(RefreshAnswer::Granted(Box::new(tokens)))
        })
    }

    async fn revoke(&self, token: TokenToRevoke<'_>) -> Result<Revoked, ProviderError> {
        let token = match token {
            TokenToRevoke::Refresh(token) => token.expose(),
            TokenToRevoke::Access(token) => token.expose(),
        };
        let mut script = self.script();
        script.revoked.push(token.to_owned());
        let next = script.revocations.pop_front();
        next.unwrap_or(Ok(Revoked::Revoked))
    }

    fn userinfo_has_same_id(&self) -> bool {
        !self.script().has_own_userinfo_ids
    }

    async fn identify(
        &self,
        _: &AccessToken,
        _: Option<&IdToken>,
        _: Timestamp,
    ) -> Result<Identity, ProviderError> {
        let next = self.script().identities.pop_front();
        next.unwrap_or_else(|| Ok(Self::person("alice")))
    }
}
