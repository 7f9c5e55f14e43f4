//! Tests that the cipher rejects random bytes and damaged sealed values. `PROPTEST_CASES` sets the number of cases.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use central_oauth_cipher_aes_gcm_siv::{AesGcmSivCipher, SecretKey};
use central_oauth_domain::ports::Cipher;
use central_oauth_domain::secret::Sealed;
use central_oauth_domain::testing::seeded_entropy;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

fn cipher() -> AesGcmSivCipher {
    let key = SecretKey::from_bytes([1; 32]);
    AesGcmSivCipher::new(&key, &[], Arc::new(seeded_entropy(1)))
}

/// A modification of a sealed value.
#[derive(Debug, Clone)]
enum Damage {
    Change(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    /// Takes the beginning of one value and the end of another.
    Join(Index),
}

impl Damage {
    fn done_to(&self, value: &[u8], other: &[u8]) -> Vec<u8> {
        let mut damaged = value.to_vec();
        match self {
            Self::Change(at, mask) => damaged[at.index(value.len())] ^= mask,
            Self::Cut(at) => damaged.truncate(at.index(value.len())),
            Self::Insert(at, bytes) => {
                let at = at.index(value.len() + 1);
                damaged.splice(at..at, bytes.iter().copied());
            }
            Self::Join(at) => {
                let at = at.index(value.len());
                damaged.truncate(at);
                damaged.extend(other.iter().skip(at));
            }
        }
        damaged
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<Index>(), 1..=u8::MAX).prop_map(|(at, mask)| Damage::Change(at, mask)),
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        any::<Index>().prop_map(Damage::Join),
    ]
}

proptest! {
    #[test]
    fn bytes_that_nobody_sealed_do_not_open(bytes in vec(any::<u8>(), 0..200), is_ours in any::<bool>()) {
        let cipher = cipher();
        let mut envelope = bytes;
        if is_ours {
            let sealed = cipher.seal(b"", b"").unwrap();
            envelope.splice(0..0, sealed.as_bytes()[..5].iter().copied());
        }
        prop_assert!(cipher.open(&Sealed::from_bytes(envelope), b"place").is_err());
    }

    #[test]
    fn a_damaged_value_does_not_open(
        value in vec(any::<u8>(), 0..100),
        other in vec(any::<u8>(), 0..100),
        place in vec(any::<u8>(), 0..40),
        damage in damage(),
    ) {
        let cipher = cipher();
        let sealed = cipher.seal(&value, &place).unwrap();
        let another = cipher.seal(&other, &place).unwrap();
        prop_assert_eq!(&*cipher.open(&sealed, &place).unwrap(), &value[..]);
        let damaged = damage.done_to(sealed.as_bytes(), another.as_bytes());
        prop_assume!(damaged != sealed.as_bytes() && damaged != another.as_bytes());
        prop_assert!(cipher.open(&Sealed::from_bytes(damaged), &place).is_err());
    }

    #[test]
    fn a_value_opens_in_its_place_alone(place in vec(any::<u8>(), 0..40), other in vec(any::<u8>(), 0..40)) {
        prop_assume!(place != other);
        let cipher = cipher();
        let sealed = cipher.seal(b"value", &place).unwrap();
        prop_assert!(cipher.open(&sealed, &other).is_err());
    }
}
