//! AWS Key Management Service.
//!
//! API: <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>. Requests are signed with Signature
//! Version 4. Credentials come from the sources that AWS tools use: environment, profile, web identity token, container
//! or instance metadata.

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use reqsign_aws_v4::{Credential, DefaultCredentialProvider, RequestSigner};
use reqsign_core::{Context, Error, FileRead, HttpSend, OsEnv, Signer};
use reqwest::Client;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::Url;
use zeroize::Zeroizing;

use crate::client::{client_for, credentials_clients, one_line, secret_json, send};
use crate::{InvalidKeyName, KEY_LENGTH, KmsError, Service};

/// A key in AWS KMS, named by its own ARN or by the ARN of an alias.
pub(crate) struct AwsKms {
    arn: String,
    client: Client,
    endpoint: Url,
    signer: Signer<Credential>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypted {
    ciphertext_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypted {
    plaintext: SecretString,
}

#[derive(Deserialize)]
struct Rejection {
    #[serde(rename = "__type")]
    code: String,
    #[serde(default, alias = "Message")]
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypt<'a> {
    key_id: &'a str,
    plaintext: &'a str,
    encryption_context: EncryptionContext,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt<'a> {
    key_id: &'a str,
    ciphertext_blob: &'a str,
    encryption_context: EncryptionContext,
}

/// The encryption context. AWS also writes it to CloudTrail.
#[derive(Serialize)]
struct EncryptionContext {
    application: &'static str,
}

const CONTEXT: EncryptionContext = EncryptionContext {
    application: "central-oauth",
};

/// Errors that a retry cannot fix: the key must not be used, or does not fit the ciphertext. All other errors may be
/// temporary: throttling, internal errors, expired credentials, or signatures made with a wrong clock.
const REFUSALS: [&str; 8] = [
    "AccessDeniedException",
    "DisabledException",
    "IncorrectKeyException",
    "InvalidCiphertextException",
    "InvalidKeyUsageException",
    "KMSInvalidStateException",
    "NotFoundException",
    "ValidationException",
];

fn is_refusal(code: &str) -> bool {
    // Some endpoints prefix the code with a namespace: `com.amazonaws.kms#DisabledException`.
    let code = code.rsplit('#').next().unwrap_or(code);
    REFUSALS.contains(&code)
}

/// Returns the domain of a partition's endpoints.
fn dns_suffix(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "amazonaws.com.cn",
        "aws-eusc" => "amazonaws.eu",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        _ => "amazonaws.com",
    }
}

impl AwsKms {
    /// Parses the ARN of a key or alias: `arn:PARTITION:kms:REGION:ACCOUNT:key/ID`.
    pub(crate) fn new(arn: &str, endpoint: Option<&str>) -> Result<Self, InvalidKeyName> {
        let parts: Vec<_> = arn.splitn(6, ':').collect();
        let [_, partition, "kms", region, _, key] = parts[..] else {
            return Err(InvalidKeyName::Malformed);
        };
        let is_region = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if key.is_empty() || region.is_empty() || !region.chars().all(is_region) {
            return Err(InvalidKeyName::Malformed);
        }
        let usual = format!("https://kms.{region}.{}/", dns_suffix(partition));
        let usual = Url::parse(&usual).map_err(|_| InvalidKeyName::Malformed)?;
        let (endpoint, client) = match endpoint {
            Some(text) => {
                let url = Url::parse(text).map_err(|_| InvalidKeyName::Endpoint)?;
                let client = client_for(&url).map_err(|_| InvalidKeyName::Endpoint)?;
                (url, client)
            }
            None => {
                let client = client_for(&usual)?;
                (usual, client)
            }
        };
        let [secure, plain] = credentials_clients()?;
        let context = Context::new()
            .with_env(OsEnv)
            .with_file_read(Files)
            .with_http_send(Http { secure, plain });
        let signer = Signer::new(
            context,
            DefaultCredentialProvider::new(),
            RequestSigner::new("kms", region),
        );
        Ok(Self {
            arn: arn.to_owned(),
            client,
            endpoint,
            signer,
        })
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        operation: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, KmsError> {
        let body = secret_json(body)?;
        let hash = Sha256::digest(&body);
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let request = http::Request::post(self.endpoint.as_str())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("TrentService.{operation}"))
            .header("x-amz-content-sha256", hash)
            .body(());
        let request = request.map_err(|error| KmsError::Refused(error.to_string()))?;
        let mut head = request.into_parts().0;
        let signed = self.signer.sign(&mut head, None).await;
        signed.map_err(|error| KmsError::Unavailable(format!("no AWS credentials: {error}")))?;
        let request = self
            .client
            .post(self.endpoint.clone())
            .headers(head.headers)
            .body(body);
        let answer = send(request).await?;
        if answer.status.is_success() {
            let malformed = |_| KmsError::Unavailable("its response is malformed".to_owned());
            return serde_json::from_slice(&answer.body).map_err(malformed);
        }
        let rejection = serde_json::from_slice::<Rejection>(&answer.body);
        let is_refused = rejection
            .as_ref()
            .is_ok_and(|rejection| is_refusal(&rejection.code));
        let words = match rejection {
            Ok(Rejection { code, message }) => {
                format!("{}: {}", one_line(&code), one_line(&message))
            }
            Err(_) => answer.status.to_string(),
        };
        Err(if is_refused {
            KmsError::Refused(words)
        } else {
            KmsError::Unavailable(words)
        })
    }
}

#[async_trait]
impl Service for AwsKms {
    async fn encrypt(&self, key: &[u8; KEY_LENGTH]) -> Result<String, KmsError> {
        let plaintext = Zeroizing::new(BASE64_STANDARD.encode(key));
        let body = Encrypt {
            key_id: &self.arn,
            plaintext: &plaintext,
            encryption_context: CONTEXT,
        };
        let encrypted: Encrypted = self.ask("Encrypt", &body).await?;
        Ok(encrypted.ciphertext_blob)
    }

    async fn decrypt(&self, ciphertext: &str) -> Result<SecretString, KmsError> {
        let body = Decrypt {
            key_id: &self.arn,
            ciphertext_blob: ciphertext,
            encryption_context: CONTEXT,
        };
        let decrypted: Decrypted = self.ask("Decrypt", &body).await?;
        Ok(decrypted.plaintext)
    }
}

/// Reads files with credentials.
#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> Result<Vec<u8>, Error> {
        // Blocking is fine: the files are small and local, and this reads them only about once an hour.
        std::fs::read(path)
            .map_err(|error| Error::unexpected("a file cannot be read").with_source(error))
    }
}

/// Requests credentials over HTTP.
#[derive(Debug)]
struct Http {
    secure: Client,
    plain: Client,
}

impl HttpSend for Http {
    async fn http_send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, Error> {
        let failed = |error: reqwest::Error| {
            Error::unexpected("credentials cannot be fetched").with_source(error.without_url())
        };
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let client = match request.url().scheme() {
            "https" => &self.secure,
            _ => &self.plain,
        };
        let response = client.execute(request).await.map_err(failed)?;
        let mut answer = http::Response::builder().status(response.status());
        if let Some(headers) = answer.headers_mut() {
            headers.clone_from(response.headers());
        }
        let body = response.bytes().await.map_err(failed)?;
        let malformed = |_| Error::unexpected("the response with the credentials is malformed");
        answer.body(body).map_err(malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_own_domain() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        for (partition, region, domain) in [
            ("aws", "eu-central-1", "amazonaws.com"),
            ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
            ("aws-cn", "cn-north-1", "amazonaws.com.cn"),
            ("aws-eusc", "eusc-de-east-1", "amazonaws.eu"),
            ("aws-iso", "us-iso-east-1", "c2s.ic.gov"),
            ("aws-iso-b", "us-isob-east-1", "sc2s.sgov.gov"),
            ("aws-iso-e", "eu-isoe-west-1", "cloud.adc-e.uk"),
            ("aws-iso-f", "us-isof-south-1", "csp.hci.ic.gov"),
        ] {
            let arn = format!("arn:{partition}:kms:{region}:111122223333:key/1");
            let kms = AwsKms::new(&arn, None).expect("a key");
            let expected = format!("https://kms.{region}.{domain}/");
            assert_eq!(kms.endpoint.as_str(), expected);
        }
    }

    #[test]
    fn only_what_concerns_the_key_is_a_refusal() {
        for code in ["DisabledException", "com.amazonaws.kms#NotFoundException"] {
            assert!(is_refusal(code), "{code}");
        }
        for code in [
            "ExpiredTokenException",
            "InvalidSignatureException",
            "KMSInternalException",
            "ThrottlingException",
            "UnrecognizedClientException",
        ] {
            assert!(!is_refusal(code), "{code}");
        }
    }
}
