use std::path::PathBuf;

use url::Url;

use crate::address::AddressFault;
use crate::http::ClientUnavailable;

/// An issuer whose tokens are verified.
#[derive(Debug, Clone)]
pub struct WorkloadIssuerSettings {
    /// Its name, for errors.
    pub name: String,
    /// The `iss` of its tokens, byte for byte.
    pub issuer: String,
    pub keys: KeySource,
}

#[derive(Debug, Clone)]
pub enum KeySource {
    /// In its metadata (OpenID Connect Discovery 1.0).
    Discovery,
    /// At an address.
    JwksUri(Url),
    JwksFile(PathBuf),
}

#[derive(Debug, thiserror::Error)]
pub enum WorkloadIssuerError {
    /// The issuer is not an address, so nothing can be discovered.
    #[error("issuer is not a URL; set jwks_uri or jwks_file")]
    NotAnAddress,
    /// The issuer's address cannot be used.
    #[error("issuer {0}")]
    Issuer(AddressFault),
    /// The address of the keys cannot be used.
    #[error("jwks_uri {0}")]
    JwksUri(AddressFault),
    /// The file of keys cannot be used.
    #[error("jwks_file {0}")]
    JwksFile(String),
    #[error(transparent)]
    Client(#[from] ClientUnavailable),
}
