use zeroize::Zeroizing;

use crate::secret::{KeyedHash, SealId, Sealed};

/// Authenticated encryption under the secret key, and the keyed hash.
pub trait Cipher: Send + Sync {
    /// Encrypts a value. The result can be decrypted only with the same `associated_data`.
    ///
    /// # Errors
    /// [`CipherError::TooLarge`] for a value beyond the limit of the algorithm.
    fn seal(&self, plaintext: &[u8], associated_data: &[u8]) -> Result<Sealed, CipherError>;

    /// Decrypts a value with the current key or a previous one.
    ///
    /// # Errors
    /// [`CipherError::UnknownKey`] if no configured key sealed the value. [`CipherError::Corrupt`] if the value is
    /// damaged or was sealed with other associated data.
    fn open(
        &self,
        sealed: &Sealed,
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CipherError>;

    /// Returns the header of values that are sealed with the current key.
    fn current_seal_id(&self) -> SealId;

    /// Returns the headers of values that a configured key can decrypt.
    fn known_seal_ids(&self) -> Vec<SealId>;

    /// Returns the keyed hash of a value.
    fn keyed_hash(&self, key: &HashKey, value: &[u8]) -> KeyedHash;
}

/// The key of the keyed hash: 32 random bytes, generated at the first start and stored encrypted.
pub struct HashKey(Zeroizing<[u8; 32]>);

impl HashKey {
    /// Wraps the key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// Returns the plain key.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Why a cipher failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// None of the configured keys sealed the value.
    #[error("sealed with a key that is not configured")]
    UnknownKey,
    /// The value is damaged, or was sealed with other associated data.
    #[error("damaged, or sealed for another place")]
    Corrupt,
    /// The value is too large to encrypt.
    #[error("too large to encrypt")]
    TooLarge,
}
