use zeroize::Zeroizing;

use crate::secret::{KeyedHash, SealId, Sealed};

/// Authenticated encryption under the operator's key, and the keyed hash.
pub trait Cipher: Send + Sync {
    /// Encrypts a value. `associated_data` names its place: the result can be decrypted nowhere else.
    ///
    /// # Errors
    /// [`CipherError::TooLarge`] for a value beyond the limit of the algorithm.
    fn seal(&self, plaintext: &[u8], associated_data: &[u8]) -> Result<Sealed, CipherError>;

    /// Decrypts a value with the current key or a previous one.
    ///
    /// # Errors
    /// [`CipherError::UnknownKey`] when no configured key sealed it, [`CipherError::Corrupt`] when it is damaged or was
    /// sealed for another place.
    fn open(
        &self,
        sealed: &Sealed,
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CipherError>;

    /// Returns the header of values that are sealed with the current key.
    fn current_seal_id(&self) -> SealId;

    /// Returns the headers of values that a configured key can decrypt.
    fn known_seal_ids(&self) -> Vec<SealId>;

    /// The keyed hash of a value.
    fn keyed_hash(&self, key: &HashKey, value: &[u8]) -> KeyedHash;
}

/// The key of the keyed hash: 32 random bytes, made at the first start and stored sealed.
pub struct HashKey(Zeroizing<[u8; 32]>);

impl HashKey {
    /// Wraps the key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The key itself.
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
    /// The value is damaged, or it was sealed for another place.
    #[error("damaged, or sealed for another place")]
    Corrupt,
    /// The value is too large to encrypt.
    #[error("too large to encrypt")]
    TooLarge,
}
