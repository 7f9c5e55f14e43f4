//! A provider whose people act as the test specifies.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{Identity, ListedMembers, ProviderName, TokenGrant, TokenOrigin};
use central_oauth_domain::ports::{
    Consent, ConsentHandle, ConsentRequest, OAuthProvider, Prompt, ProviderError, Redemption,
    RefreshAnswer, RefreshError, Revoked, ScopeWords, TokenToRevoke,
};
use central_oauth_domain::secret::{
    AccessToken, CallbackQuery, DeviceCode, IdToken, RefreshToken, UserCode,
};

/// The action of the person at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Person {
    /// The person with this number agrees.
    Agrees(u32),
    /// The person declines.
    Denies,
}

pub(crate) struct ScriptedProvider {
    name: ProviderName,
    scopes: Vec<String>,
    pub(crate) person: Mutex<Person>,
    /// Whether the provider does not identify the person.
    pub(crate) is_silent_about_people: Mutex<bool>,
    /// The lifetime of access tokens; `None` if they do not expire.
    pub(crate) lifetime: Mutex<Option<Duration>>,
    /// The maximum lifetime of grants, if known.
    pub(crate) grant_lasts: Mutex<Option<Duration>>,
    /// The response to token requests, if they fail.
    pub(crate) trouble: Mutex<Option<ProviderError>>,
    /// The response to revocations.
    pub(crate) revocation: Mutex<Result<Revoked, ProviderError>>,
}

impl ScriptedProvider {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: ProviderName::new(name),
            scopes: vec!["read".to_owned(), "write".to_owned()],
            person: Mutex::new(Person::Agrees(1)),
            is_silent_about_people: Mutex::default(),
            lifetime: Mutex::new(Some(Duration::from_secs(3600))),
            grant_lasts: Mutex::default(),
            trouble: Mutex::default(),
            revocation: Mutex::new(Ok(Revoked::Revoked)),
        }
    }

    fn person(&self) -> Person {
        *self.person.lock().unwrap()
    }
}

#[async_trait]
impl OAuthProvider for ScriptedProvider {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn display_name(&self) -> &str {
        "The Scripted Provider"
    }

    fn consent_name(&self) -> Option<&str> {
        None
    }

    fn scopes(&self) -> &[String] {
        &self.scopes
    }

    fn scope_words(&self, _: &str) -> Option<ScopeWords> {
        None
    }

    fn uses_redirects(&self) -> bool {
        false
    }

    fn client_id(&self) -> String {
        "client".to_owned()
    }

    async fn origin(&self) -> Result<TokenOrigin, ProviderError> {
        Ok(TokenOrigin {
            issuer: None,
            token_endpoint: "https://provider.example/token".to_owned(),
            client_id: "client".to_owned(),
        })
    }

    async fn begin_consent(&self, _: &ConsentRequest) -> Result<Consent, ProviderError> {
        Ok(Consent {
            handle: ConsentHandle::DeviceCode(DeviceCode::new("device-code")),
            prompt: Prompt::UserCode {
                user_code: UserCode::new("USER-CODE"),
                verification_uri: "https://provider.example/device".to_owned(),
                verification_uri_complete: None,
            },
            expires_in: Duration::from_secs(900),
            interval: None,
        })
    }

    async fn redeem(
        &self,
        _: &ConsentHandle,
        _: Option<&CallbackQuery>,
    ) -> Result<Redemption, ProviderError> {
        if let Some(cause) = self.trouble.lock().unwrap().clone() {
            return Err(cause);
        }
        let Person::Agrees(number) = self.person() else {
            return Ok(Redemption::Denied(Some("not assigned".to_owned())));
        };
        let lifetime = *self.lifetime.lock().unwrap();
        let grant_lasts = *self.grant_lasts.lock().unwrap();
        Ok(Redemption::Granted(Box::new(TokenGrant {
            access_token: AccessToken::new(format!("token-of-{number}")),
            refresh_token: Some(RefreshToken::new("refresh-token")),
            id_token: None,
            expires_in: lifetime,
            assumed_expires_in: None,
            exp: None,
            refresh_token_expires_in: None,
            grant_expires_in: grant_lasts,
            scopes: self.scopes.clone(),
            extra: extra("one"),
            origin: self.origin().await?,
        })))
    }

    fn passing_error(&self, _: &CallbackQuery) -> Option<String> {
        None
    }

    async fn refresh(
        &self,
        _: &RefreshToken,
        granted: &[String],
    ) -> Result<RefreshAnswer, RefreshError> {
        if let Some(cause) = self.trouble.lock().unwrap().clone() {
            return Err(cause.into());
        }
        let lifetime = *self.lifetime.lock().unwrap();
        Ok(RefreshAnswer::Granted(Box::new(TokenGrant {
            access_token: AccessToken::new("refreshed-token"),
            refresh_token: None,
            id_token: None,
            expires_in: lifetime,
            assumed_expires_in: None,
            exp: None,
            refresh_token_expires_in: None,
            grant_expires_in: None,
            scopes: granted.to_vec(),
            extra: extra("two"),
            origin: self.origin().await?,
        })))
    }

    async fn revoke(&self, _: TokenToRevoke<'_>) -> Result<Revoked, ProviderError> {
        self.revocation.lock().unwrap().clone()
    }

    fn userinfo_has_same_id(&self) -> bool {
        true
    }

    async fn identify(
        &self,
        _: &AccessToken,
        _: Option<&IdToken>,
        _: Timestamp,
    ) -> Result<Identity, ProviderError> {
        match self.person() {
            Person::Agrees(_) if *self.is_silent_about_people.lock().unwrap() => {
                Ok(Identity::Unknown)
            }
            Person::Agrees(number) => Ok(Identity::Known {
                account_id: format!("person-{number}"),
                display_name: Some(format!("Person {number}")),
            }),
            Person::Denies => Ok(Identity::Unknown),
        }
    }
}

/// Returns an extra member of the token response: the host that accepts the token.
fn extra(host: &str) -> ListedMembers {
    let url = format!("https://{host}.example.com");
    vec![("instance_url".to_owned(), Some(url))]
}
