//! The text of a wrapped key: `pkcs11:METHOD:LABEL:BASE64`. LABEL names the key that decrypts the text. After the
//! operator configures another key, texts that the previous key wrapped can still be decrypted.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::KmsError;

/// How the token wraps a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// With an AES key: `CKM_AES_GCM`, a 12-byte IV before the ciphertext and a 16-byte tag after it.
    AesGcm,
    /// With an RSA key pair: `CKM_RSA_PKCS_OAEP` with SHA-1 and MGF1 with SHA-1. Every token supports SHA-1, and OAEP
    /// does not need a collision-resistant hash.
    RsaOaep,
}

/// A wrapped key, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ciphertext {
    pub(super) method: Method,
    /// The label of the key that decrypts `bytes`.
    pub(super) object: String,
    pub(super) bytes: Vec<u8>,
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Self::AesGcm => "aes-gcm",
            Self::RsaOaep => "rsa-oaep",
        }
    }
}

impl Ciphertext {
    pub(super) fn parse(text: &str) -> Result<Self, KmsError> {
        let malformed = || {
            KmsError::Refused(
                "this is not what `central-oauth wrap-key` prints for a PKCS#11 token".to_owned(),
            )
        };
        let parts: Vec<_> = text.split(':').collect();
        let ["pkcs11", method, object, bytes] = parts[..] else {
            return Err(malformed());
        };
        let methods = [Method::AesGcm, Method::RsaOaep];
        let method = methods.into_iter().find(|known| known.name() == method);
        let object = percent_decode_str(object).decode_utf8();
        Ok(Self {
            method: method.ok_or_else(malformed)?,
            object: object.map_err(|_| malformed())?.into_owned(),
            bytes: BASE64_STANDARD.decode(bytes).map_err(|_| malformed())?,
        })
    }
}

impl fmt::Display for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.name();
        let object = utf8_percent_encode(&self.object, NON_ALPHANUMERIC);
        let bytes = BASE64_STANDARD.encode(&self.bytes);
        write!(f, "pkcs11:{method}:{object}:{bytes}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_no_blank_and_no_comma_and_is_read_again() {
        for method in [Method::AesGcm, Method::RsaOaep] {
            let ciphertext = Ciphertext {
                method,
                object: "my key, the:second %".to_owned(),
                bytes: vec![7; 60],
            };
            let text = ciphertext.to_string();
            assert!(!text.contains([' ', ',']), "{text}");
            assert_eq!(Ciphertext::parse(&text), Ok(ciphertext));
        }
        for bad in ["vault:v1:AAAA", "pkcs11:des:k:AAAA", "pkcs11:aes-gcm:k:?"] {
            let refused = Ciphertext::parse(bad);
            assert!(matches!(refused, Err(KmsError::Refused(_))), "{bad}");
        }
    }
}
