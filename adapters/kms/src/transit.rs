//! The Transit secrets engine of HashiCorp Vault and OpenBao.
//!
//! API: <https://openbao.org/api-docs/secret/transit/#encrypt-data>.

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Client;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::client::{client_for, may_pass, one_line, secret_json, send};
use crate::{InvalidKeyName, KEY_LENGTH, KmsError, SecretSource, Service};

/// A key of the Transit engine.
pub(crate) struct Transit {
    client: Client,
    encrypt: Url,
    decrypt: Url,
    token: SecretSource,
}

#[derive(Serialize)]
struct Plaintext<'a> {
    plaintext: &'a str,
}

#[derive(Serialize)]
struct Ciphertext<'a> {
    ciphertext: &'a str,
}

#[derive(Deserialize)]
struct Response<T> {
    data: T,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: SecretString,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

impl Transit {
    /// Parses the URL of a key, which ends with `/keys/NAME`. Its path may include a namespace.
    pub(crate) fn new(key: &Url, token: SecretSource) -> Result<Self, InvalidKeyName> {
        let (mount, name) = key
            .path()
            .rsplit_once("/keys/")
            .ok_or(InvalidKeyName::Malformed)?;
        let is_plain = key.query().is_none() && key.fragment().is_none();
        let has_user = !key.username().is_empty() || key.password().is_some();
        if name.is_empty() || name.contains('/') || !is_plain || has_user {
            return Err(InvalidKeyName::Malformed);
        }
        let at = |operation: &str| {
            let mut url = key.clone();
            url.set_path(&format!("{mount}/{operation}/{name}"));
            url
        };
        Ok(Self {
            client: client_for(key)?,
            encrypt: at("encrypt"),
            decrypt: at("decrypt"),
            token,
        })
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        url: &Url,
        body: &(impl Serialize + Sync),
    ) -> Result<T, KmsError> {
        // `Unavailable`, not `Refused`, because an agent may be replacing the token file at this moment.
        let token = (self.token)().map_err(KmsError::Unavailable)?;
        let request = self
            .client
            .post(url.clone())
            .header("X-Vault-Request", "true")
            .header("X-Vault-Token", token.expose_secret())
            .header("Content-Type", "application/json")
            .body(secret_json(body)?);
        let answer = send(request).await?;
        if answer.status.is_success() {
            let response = serde_json::from_slice::<Response<T>>(&answer.body);
            let malformed = || KmsError::Unavailable("its response is malformed".to_owned());
            return Ok(response.map_err(|_| malformed())?.data);
        }
        let status = answer.status;
        // Only a JSON error comes from Vault itself and may be a refusal. An ingress sends an HTML page, and a standby
        // may redirect to the active node (hashicorp/vault#10898).
        let Ok(Errors { errors }) = serde_json::from_slice(&answer.body) else {
            return Err(KmsError::Unavailable(status.to_string()));
        };
        let words = format!("{status}: {}", one_line(&errors.join("; ")));
        Err(if may_pass(status) {
            KmsError::Unavailable(words)
        } else {
            KmsError::Refused(words)
        })
    }
}

#[async_trait]
impl Service for Transit {
    async fn encrypt(&self, key: &[u8; KEY_LENGTH]) -> Result<String, KmsError> {
        let plaintext = Zeroizing::new(BASE64_STANDARD.encode(key));
        let body = Plaintext {
            plaintext: &plaintext,
        };
        let encrypted: Encrypted = self.ask(&self.encrypt, &body).await?;
        Ok(encrypted.ciphertext)
    }

    async fn decrypt(&self, ciphertext: &str) -> Result<SecretString, KmsError> {
        let decrypted: Decrypted = self.ask(&self.decrypt, &Ciphertext { ciphertext }).await?;
        Ok(decrypted.plaintext)
    }
}
