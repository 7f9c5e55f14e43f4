//! Identifies the person, by ID token, by userinfo, or not at all.

use central_oauth_domain::Timestamp;
use central_oauth_domain::observe::Cache;
use central_oauth_domain::ports::{ProviderError, TokenToRevoke};
use central_oauth_domain::secret::{AccessToken, IdToken};
use openidconnect::core::CoreJsonWebKeySet;
use url::Url;

use super::OpenIdConnectProvider;
use crate::deadline::Deadline;
use crate::http::Request;
use crate::identity::jws::key_set;
use crate::identity::{Person, Unverified, Verifier, userinfo};
use crate::server::{Issuer, Server};

impl OpenIdConnectProvider {
    pub(super) async fn ask_userinfo(
        &self,
        url: &Url,
        access_token: &AccessToken,
        deadline: Deadline,
    ) -> Result<Person, ProviderError> {
        let quirks = &self.settings.quirks.identity;
        let request = userinfo::request(url, access_token, quirks)?;
        let outcome = self.http.send(request, deadline).await;
        self.refetch_moved_endpoints(&outcome).await;
        userinfo::read(outcome?, quirks)
    }

    pub(super) async fn verify(
        &self,
        id_token: &IdToken,
        issuer: &Issuer,
        requested_at: Timestamp,
        deadline: Deadline,
    ) -> Result<Person, ProviderError> {
        // The expiry is compared with the time of the token request, so that the ID token does not expire while the
        // keys are unreachable.
        let verifier = Verifier::new(id_token, issuer, &self.client, requested_at)?;
        let fetch = |deadline| self.fetch_keys(&issuer.jwks_uri, deadline);
        let keys = self
            .look_up(&self.keys, Cache::Keys, deadline, fetch)
            .await?;
        match verifier.person(&keys) {
            // The issuer may have rotated its keys (OpenID Connect Core section 10.1.1).
            Err(Unverified::UnknownKey | Unverified::WrongSignature) => {
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
        let outcome = self.http.send(Request::get_keys(jwks_uri), deadline).await;
        self.refetch_moved_endpoints(&outcome).await;
        key_set(outcome?.success()?.into_value())
            .ok_or_else(|| ProviderError::nonsense("a response that is not a set of keys"))
    }

    /// Adds a name from userinfo if the ID token has none. Ignores userinfo about another person (OpenID Connect Core
    /// section 5.3.2). If userinfo fails, the person has no name.
    pub(super) async fn name(
        &self,
        person: Person,
        server: &Server,
        access_token: &AccessToken,
        deadline: Deadline,
    ) -> Person {
        let (None, Some(url)) = (&person.name, &server.userinfo) else {
            return person;
        };
        match self.ask_userinfo(url, access_token, deadline).await {
            Ok(described) if described.id == person.id => Person {
                name: described.name,
                ..person
            },
            _ => person,
        }
    }

    /// Whether the provider still accepts this access token. A refresh token counts as live, because a test might use
    /// it up.
    pub(super) async fn is_live(
        &self,
        token: TokenToRevoke<'_>,
        server: &Server,
        deadline: Deadline,
    ) -> Result<bool, ProviderError> {
        let (TokenToRevoke::Access(token), Some(url)) = (token, &server.userinfo) else {
            return Ok(true);
        };
        match self.ask_userinfo(url, token, deadline).await {
            Err(ProviderError::Refused { code, .. }) if code == ProviderError::INVALID_TOKEN => {
                Ok(false)
            }
            Err(error @ ProviderError::Unavailable { .. }) => Err(error),
            // Any other response counts as acceptance of the token, also one that cannot be parsed.
            _ => Ok(true),
        }
    }
}
