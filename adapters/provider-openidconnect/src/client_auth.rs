//! Client authentication (RFC 6749 section 2.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use central_oauth_domain::ports::ProviderError;
use central_oauth_domain::words;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::form_urlencoded::byte_serialize;

use crate::http::Request;
use crate::quirks::DeviceQuirks;

words! {
    /// The method of client authentication (OpenID Connect Core section 9).
    #[derive(Deserialize)]
    ClientAuthMethod {
        /// Client id and secret in the `Authorization` header.
        #[serde(rename = "client_secret_basic")]
        Basic => "client_secret_basic",
        /// Client id and secret in the body.
        #[serde(rename = "client_secret_post")]
        Post => "client_secret_post",
        /// Only the client id in the body.
        #[serde(rename = "none")]
        None => "none",
    }
}

impl ClientAuthMethod {
    /// Returns the best method that the server supports. Basic is the default of RFC 8414 section 2, and RFC 6749
    /// section 2.3.1 requires every server to support it.
    pub(crate) fn best_of(supported: Option<&[String]>) -> Self {
        let supports =
            |name: &str| supported.is_some_and(|all| all.iter().any(|method| method == name));
        if supports("client_secret_post") && !supports("client_secret_basic") {
            Self::Post
        } else {
            Self::Basic
        }
    }
}

/// Client authentication at one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAuth {
    pub(crate) method: ClientAuthMethod,
    /// Whether the operator or a preset chose the method. Otherwise the method is a guess, and another one may be
    /// tried.
    pub(crate) is_fixed: bool,
    /// Whether the client id is sent in the body even with Basic.
    names_client: bool,
}

impl ClientAuth {
    /// Uses a method that the operator or a preset chose.
    pub(crate) const fn fixed(method: ClientAuthMethod) -> Self {
        Self {
            method,
            is_fixed: true,
            names_client: false,
        }
    }

    /// Uses the chosen method, or else `guess`.
    pub(crate) fn chosen_or(chosen: Option<ClientAuthMethod>, guess: ClientAuthMethod) -> Self {
        Self {
            is_fixed: chosen.is_some(),
            ..Self::fixed(chosen.unwrap_or(guess))
        }
    }

    /// Also sends `client_id` in the body, for the device endpoint. RFC 8628 section 3.1 does not require this from an
    /// authenticated client, but some servers read the client id only from the body (authentik, Dex).
    pub(crate) const fn at_device_endpoint(self) -> Self {
        Self {
            names_client: true,
            ..self
        }
    }

    /// Drops the secret in the device flow, if the provider refuses it there.
    pub(crate) const fn in_device_flow(self, quirks: &DeviceQuirks) -> Self {
        if quirks.refuses_secret {
            Self::fixed(ClientAuthMethod::None)
        } else {
            self
        }
    }

    pub(crate) const fn by(self, method: ClientAuthMethod) -> Self {
        Self { method, ..self }
    }
}

/// This service as a client of a provider.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: Option<SecretString>,
}

impl Client {
    /// Creates a confidential client, or a public client if there is no secret.
    pub(crate) const fn new(id: String, secret: Option<SecretString>) -> Self {
        Self { id, secret }
    }

    /// Adds the credentials to a request, with one method only (RFC 6749 section 2.3). With Basic, the body has no
    /// client id, because some servers reject a client id in header and body. Only requests to the device endpoint
    /// have both.
    pub(crate) fn authenticate(
        &self,
        auth: ClientAuth,
        request: &mut Request,
    ) -> Result<(), ProviderError> {
        let secret = self.secret.as_ref().map(ExposeSecret::expose_secret);
        match (auth.method, secret) {
            (ClientAuthMethod::Basic, Some(secret)) => {
                if auth.names_client {
                    request.field("client_id", &self.id);
                }
                request.hide(secret);
                request.authorize("Basic", &basic(&self.id, secret))
            }
            (ClientAuthMethod::Post, Some(secret)) => {
                request.field("client_id", &self.id);
                request.secret_field("client_secret", secret);
                Ok(())
            }
            (ClientAuthMethod::None, _) | (_, None) => {
                request.field("client_id", &self.id);
                Ok(())
            }
        }
    }
}

/// Form-urlencodes id and secret, and encodes both as Basic credentials (RFC 6749 section 2.3.1).
fn basic(id: &str, secret: &str) -> String {
    STANDARD.encode(format!("{}:{}", encode(id), encode(secret)))
}

/// Form-urlencodes the text, but leaves `~` as it is, because Microsoft's secrets often contain it. Servers that decode
/// accept a literal `~`; servers that do not decode, against the RFC, need it. A literal `%7E` in the text becomes
/// `%257E`, which the replacement does not change.
fn encode(text: &str) -> String {
    byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace("%7E", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_encodes_every_character() {
        assert_eq!(
            encode("a:b+c%d/e&f g~h%7E"),
            "a%3Ab%2Bc%25d%2Fe%26f+g~h%257E"
        );
        assert_eq!(basic("id:1", "p w"), STANDARD.encode("id%3A1:p+w"));
    }

    #[test]
    fn basic_unless_the_server_only_takes_the_body() {
        let names = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let best = |all: &[&str]| ClientAuthMethod::best_of(Some(&names(all)));
        assert_eq!(ClientAuthMethod::best_of(None), ClientAuthMethod::Basic);
        assert_eq!(best(&["client_secret_post"]), ClientAuthMethod::Post);
        assert_eq!(
            best(&["client_secret_post", "client_secret_basic"]),
            ClientAuthMethod::Basic
        );
        assert_eq!(best(&["private_key_jwt"]), ClientAuthMethod::Basic);
    }
}
