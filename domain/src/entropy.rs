//! Random values. The composition root supplies the generator.

use std::sync::Mutex;

use crate::hex::hex;
use crate::lock::lock;

use rand_core::CryptoRng;

/// Crockford's alphabet in lower case: five bits per character.
pub(crate) const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A cryptographically secure random source. In production, it is the operating system's.
pub struct Entropy(Mutex<Box<dyn CryptoRng + Send>>);

impl Entropy {
    /// Wraps a generator.
    pub fn new(rng: impl CryptoRng + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(rng)))
    }

    /// Returns random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        lock(&self.0).fill_bytes(&mut bytes);
        bytes
    }

    /// Returns random bytes as hexadecimal digits.
    pub fn hex<const N: usize>(&self) -> String {
        hex(&self.bytes::<N>())
    }

    /// Returns a random number below `bound`. All numbers are equally likely (rejection sampling).
    ///
    /// # Panics
    /// If `bound` is zero.
    pub fn below(&self, bound: u32) -> u32 {
        let unbiased = u32::MAX - u32::MAX % bound;
        let mut rng = lock(&self.0);
        loop {
            let number = rng.next_u32();
            if number < unbiased {
                return number % bound;
            }
        }
    }

    /// Returns a random number in `0.0..1.0`.
    pub fn fraction(&self) -> f64 {
        f64::from(lock(&self.0).next_u32()) / 2_f64.powi(32)
    }

    /// Returns `length` random characters of Crockford's alphabet, five bits each. They need no escaping in a header, a
    /// URL or a shell.
    pub fn text(&self, length: usize) -> String {
        let mut bytes = vec![0; length];
        lock(&self.0).fill_bytes(&mut bytes);
        bytes
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
            .collect()
    }
}
