//! A cipher that keeps the port's promises but no secret.

use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use crate::ports::{Cipher, CipherError, HashKey};
use crate::secret::{KeyedHash, Sealed};

/// A toy cipher: what it seals opens with the same key at the same place alone, and damage is noticed, but by nobody
/// who means harm. The sealed form is the key, a counter as nonce, a tag and the masked value.
pub struct FakeCipher {
    key: u64,
    nonces: AtomicU64,
}

const WORD: usize = size_of::<u64>();

impl FakeCipher {
    /// A cipher with this key; another number is another key.
    #[must_use]
    pub const fn new(key: u64) -> Self {
        Self {
            key,
            nonces: AtomicU64::new(0),
        }
    }

    fn tag(&self, nonce: u64, masked: &[u8], associated_data: &[u8]) -> u64 {
        let key = self.key.to_be_bytes();
        digest(&[&key, &nonce.to_be_bytes(), masked, associated_data])
    }

    /// Applied twice, the mask is gone again.
    fn mask(&self, nonce: u64, bytes: &[u8]) -> Vec<u8> {
        let mut masked = bytes.to_vec();
        for (block, chunk) in masked.chunks_mut(WORD).enumerate() {
            let key = self.key.to_be_bytes();
            let pad = digest(&[&key, &nonce.to_be_bytes(), &block.to_be_bytes()]);
            for (byte, pad) in chunk.iter_mut().zip(pad.to_be_bytes()) {
                *byte ^= pad;
            }
        }
        masked
    }
}

impl Default for FakeCipher {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Cipher for FakeCipher {
    fn seal(&self, plaintext: &[u8], associated_data: &[u8]) -> Result<Sealed, CipherError> {
        let nonce = self.nonces.fetch_add(1, Ordering::Relaxed);
        let masked = self.mask(nonce, plaintext);
        let tag = self.tag(nonce, &masked, associated_data);
        let header = [self.key, nonce, tag].map(u64::to_be_bytes);
        Ok(Sealed::from_bytes(
            [header.as_flattened(), masked.as_slice()].concat(),
        ))
    }

    fn open(
        &self,
        sealed: &Sealed,
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CipherError> {
        let (key, rest) = split_word(sealed.as_bytes())?;
        let (nonce, rest) = split_word(rest)?;
        let (tag, masked) = split_word(rest)?;
        if key != self.key {
            return Err(CipherError::UnknownKey);
        }
        if tag != self.tag(nonce, masked, associated_data) {
            return Err(CipherError::Corrupt);
        }
        Ok(Zeroizing::new(self.mask(nonce, masked)))
    }

    fn keyed_hash(&self, key: &HashKey, value: &[u8]) -> KeyedHash {
        let lanes = [0u8, 1, 2, 3].map(|lane| digest(&[&[lane], key.expose(), value]));
        let mut bytes = [0; 32];
        bytes.copy_from_slice(lanes.map(u64::to_be_bytes).as_flattened());
        KeyedHash::from_bytes(bytes)
    }
}

/// Every part goes in with its length, so that no two lists of parts look the same.
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
