//! Implements the Cipher port with AES-256-GCM-SIV (RFC 8452) and HMAC-SHA-256 (RFC 2104).
//!
//! A sealed value is `version (1 byte) | key id (4) | nonce (12) | ciphertext and tag`. The key id says which key
//! decrypts the value, so that several keys can be in use during a key rotation. The associated data are the version,
//! the key id, and the caller's associated data, which names the row and column of the value.

mod key;

use std::sync::Arc;

use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};
use central_oauth_domain::entropy::Entropy;
use central_oauth_domain::ports::{Cipher, CipherError, HashKey};
use central_oauth_domain::secret::{KeyedHash, SealId, Sealed};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use key::{MalformedKey, SecretKey};

const VERSION: u8 = 1;
const NONCE_LENGTH: usize = 12;

/// Encrypts with the current key; decrypts with the current and previous keys.
pub struct AesGcmSivCipher {
    current: KeyedCipher,
    previous: Vec<KeyedCipher>,
    entropy: Arc<Entropy>,
}

struct KeyedCipher {
    id: SealId,
    cipher: Aes256GcmSiv,
}

impl AesGcmSivCipher {
    /// Creates a cipher. `entropy` generates its nonces.
    #[must_use]
    pub fn new(current: &SecretKey, previous: &[SecretKey], entropy: Arc<Entropy>) -> Self {
        Self {
            current: KeyedCipher::new(current),
            previous: previous.iter().map(KeyedCipher::new).collect(),
            entropy,
        }
    }

    fn keys(&self) -> impl Iterator<Item = &KeyedCipher> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl KeyedCipher {
    fn new(key: &SecretKey) -> Self {
        let [a, b, c, d] = key.id();
        Self {
            id: SealId([VERSION, a, b, c, d]),
            cipher: Aes256GcmSiv::new(key.expose().into()),
        }
    }
}

impl Cipher for AesGcmSivCipher {
    fn seal(&self, plaintext: &[u8], associated_data: &[u8]) -> Result<Sealed, CipherError> {
        let SealId(header) = self.current.id;
        let nonce = self.entropy.bytes::<NONCE_LENGTH>();
        let payload = Payload {
            msg: plaintext,
            aad: &[&header, associated_data].concat(),
        };
        let ciphertext = self
            .current
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| CipherError::TooLarge)?;
        Ok(Sealed::from_bytes(
            [&header, nonce.as_slice(), &ciphertext].concat(),
        ))
    }

    fn open(
        &self,
        sealed: &Sealed,
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CipherError> {
        let id = sealed
            .seal_id()
            .filter(|SealId(header)| header[0] == VERSION)
            .ok_or(CipherError::Corrupt)?;
        let (nonce, ciphertext) = sealed.as_bytes()[SealId::LENGTH..]
            .split_first_chunk::<NONCE_LENGTH>()
            .ok_or(CipherError::Corrupt)?;
        let key = self.keys().find(|key| key.id == id);
        let key = key.ok_or(CipherError::UnknownKey)?;
        let payload = Payload {
            msg: ciphertext,
            aad: &[id.0.as_slice(), associated_data].concat(),
        };
        key.cipher
            .decrypt(&Nonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| CipherError::Corrupt)
    }

    fn current_seal_id(&self) -> SealId {
        self.current.id
    }

    fn known_seal_ids(&self) -> Vec<SealId> {
        self.keys().map(|key| key.id).collect()
    }

    fn keyed_hash(&self, key: &HashKey, value: &[u8]) -> KeyedHash {
        // HMAC pads short keys with zeros to the block size (RFC 2104 section 2). The key is padded here, because only
        // the constructor for keys of block size returns no `Result`.
        let mut padded = Zeroizing::new([0; 64]);
        padded[..32].copy_from_slice(key.expose());
        let mut mac = <Hmac<Sha256> as KeyInit>::new((&*padded).into());
        mac.update(value);
        KeyedHash::from_bytes(mac.finalize().into_bytes().into())
    }
}
