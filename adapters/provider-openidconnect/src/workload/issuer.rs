use std::path::PathBuf;

use url::Url;

use crate::address::AddressFault;
use crate::http::ClientUnavailable;

/// An issuer whose tokens are verified.
#[derive(Debug, Clone)]
pub struct WorkloadIssuerSettings {
    /// The name of the issuer in errors.
    pub name: String,
    /// The `iss` of the issuer's tokens, byte for byte.
    pub issuer: String,
    /// Where the issuer's keys are.
    pub keys: KeySource,
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// In the issuer's metadata (OpenID Connect Discovery 1.0).
    Discovery,
    /// At a URL.
    JwksUri(Url),
    /// In a file.
    JwksFile(PathBuf),
}

/// Why an issuer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadIssuerError {
    /// The issuer is not a URL, so nothing can be discovered.
    #[error("issuer is not a URL; set jwks_uri or jwks_file")]
    NotAnAddress,
    /// The issuer's URL cannot be used.
    #[error("issuer {0}")]
    Issuer(AddressFault),
    /// The URL of the keys cannot be used.
    #[error("jwks_uri {0}")]
    JwksUri(AddressFault),
    /// The file of keys cannot be used.
    #[error("jwks_file {0}")]
    JwksFile(String),
    /// There is no HTTPS client.
    #[error(transparent)]
    Client(#[from] ClientUnavailable),
}
