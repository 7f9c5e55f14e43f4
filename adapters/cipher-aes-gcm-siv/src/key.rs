use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A 256-bit key.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; 32]>);

/// The text is not a key. The error does not contain the text, which may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is 32 bytes written as 64 hexadecimal digits")]
pub struct MalformedKey;

impl SecretKey {
    /// Creates a key from 32 random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Parses 64 hexadecimal digits of either case.
    ///
    /// # Errors
    /// [`MalformedKey`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, MalformedKey> {
        let mut key = Zeroizing::new([0; 32]);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != key.len() || !rest.is_empty() {
            return Err(MalformedKey);
        }
        for (byte, [high, low]) in key.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(key))
    }

    /// Returns the bytes of the key, for wrapping.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the start of a hash of the key, as an id that does not reveal the key.
    pub(crate) fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(b"central-oauth key id")
            .chain_update(self.expose())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

fn digit(ascii: u8) -> Result<u8, MalformedKey> {
    let digit = char::from(ascii).to_digit(16).ok_or(MalformedKey)?;
    u8::try_from(digit).map_err(|_| MalformedKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_64_hexadecimal_digits_only() {
        let good = "00ff".repeat(16);
        assert!(SecretKey::from_hex(&good).is_ok_and(|key| key.expose()[1] == 0xff));
        assert!(SecretKey::from_hex(&good.to_uppercase()).is_ok());
        for bad in [
            "",
            "00",
            &good[1..],
            &format!("{good}0"),
            &good.replace("00", "0g"),
        ] {
            assert!(SecretKey::from_hex(bad).is_err(), "{bad:?}");
        }
    }
}
