//! A cipher that fulfils the port's contract but protects nothing.

use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use crate::ports::{Cipher, CipherError, HashKey};
use crate::secret::{KeyedHash, SealId, Sealed};

/// A toy cipher. A sealed value can be decrypted only with the same key and associated data, and accidental damage is
/// detected. It does not protect against attackers. A sealed value consists of a version, the key's number, a counter
/// as nonce, a tag and the masked value.
pub struct FakeCipher {
    key: u32,
    previous: Vec<u32>,
    nonces: AtomicU64,
}

const WORD: usize = size_of::<u64>();
const VERSION: u8 = 1;

impl FakeCipher {
    /// Creates a cipher with the key that has this number.
    pub const fn new(key: u32) -> Self {
        Self {
            key,
            previous: Vec::new(),
            nonces: AtomicU64::new(0),
        }
    }

    /// Returns a cipher that can also decrypt values sealed with these keys.
    pub fn also_opening(self, previous: &[u32]) -> Self {
        let previous = previous.to_vec();
        Self { previous, ..self }
    }

    fn seal_id(key: u32) -> SealId {
        let [a, b, c, d] = key.to_be_bytes();
        SealId([VERSION, a, b, c, d])
    }
}

fn tag(key: SealId, nonce: u64, masked: &[u8], associated_data: &[u8]) -> u64 {
    digest(&[&key.0, &nonce.to_be_bytes(), masked, associated_data])
}

/// Masks a value, or restores a masked value.
fn mask(key: SealId, nonce: u64, bytes: &[u8]) -> Vec<u8> {
    let mut masked = bytes.to_vec();
    for (block, chunk) in masked.chunks_mut(WORD).enumerate() {
        let pad = digest(&[&key.0, &nonce.to_be_bytes(), &block.to_be_bytes()]);
        for (byte, pad) in chunk.iter_mut().zip(pad.to_be_bytes()) {
            *byte ^= pad;
        }
    }
    masked
}

impl Default for FakeCipher {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Cipher for FakeCipher {
    fn seal(&self, plaintext: &[u8], associated_data: &[u8]) -> Result<Sealed, CipherError> {
        let nonce = self.nonces.fetch_add(1, Ordering::Relaxed);
        let key = self.current_seal_id();
        let masked = mask(key, nonce, plaintext);
        let tag = tag(key, nonce, &masked, associated_data);
        let words = [nonce, tag].map(u64::to_be_bytes);
        let parts = [key.0.as_slice(), words.as_flattened(), &masked];
        Ok(Sealed::from_bytes(parts.concat()))
    }

    fn open(
        &self,
        sealed: &Sealed,
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CipherError> {
        let key = sealed.seal_id().ok_or(CipherError::Corrupt)?;
        let (nonce, rest) = split_word(&sealed.as_bytes()[SealId::LENGTH..])?;
        let (stored, masked) = split_word(rest)?;
        if key.0[0] != VERSION {
            return Err(CipherError::Corrupt);
        }
        if !self.known_seal_ids().contains(&key) {
            return Err(CipherError::UnknownKey);
        }
        if stored != tag(key, nonce, masked, associated_data) {
            return Err(CipherError::Corrupt);
        }
        Ok(Zeroizing::new(mask(key, nonce, masked)))
    }

    fn current_seal_id(&self) -> SealId {
        Self::seal_id(self.key)
    }

    fn known_seal_ids(&self) -> Vec<SealId> {
        let keys = std::iter::once(&self.key).chain(&self.previous);
        keys.map(|key| Self::seal_id(*key)).collect()
    }

    fn keyed_hash(&self, key: &HashKey, value: &[u8]) -> KeyedHash {
        let lanes = [0u8, 1, 2, 3].map(|lane| digest(&[&[lane], key.expose(), value]));
        let mut bytes = [0; 32];
        bytes.copy_from_slice(lanes.map(u64::to_be_bytes).as_flattened());
        KeyedHash::from_bytes(bytes)
    }
}

/// Hashes the parts. Each part is prefixed with its length, so that different lists of parts give different inputs.
fn digest(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    hasher.finish()
}

fn split_word(bytes: &[u8]) -> Result<(u64, &[u8]), CipherError> {
    let (word, rest) = bytes
        .split_first_chunk::<WORD>()
        .ok_or(CipherError::Corrupt)?;
    Ok((u64::from_be_bytes(*word), rest))
}
