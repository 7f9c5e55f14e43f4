//! Runs the contract suite of the Cipher port, and tests the format of sealed values.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use central_oauth_cipher_aes_gcm_siv::{AesGcmSivCipher, SecretKey};
use central_oauth_domain::entropy::Entropy;
use central_oauth_domain::ports::{Cipher, CipherError, HashKey};
use central_oauth_domain::testing::seeded_entropy;

fn cipher(present: u8, previous: &[u8], entropy: &Arc<Entropy>) -> AesGcmSivCipher {
    let key = |byte| SecretKey::from_bytes([byte; 32]);
    let previous: Vec<_> = previous.iter().map(|byte| key(*byte)).collect();
    AesGcmSivCipher::new(&key(present), &previous, Arc::clone(entropy))
}

#[test]
fn keeps_the_contract() {
    let entropy = Arc::new(seeded_entropy(1));
    central_oauth_contract::cipher::run(|| Arc::new(cipher(1, &[], &entropy)));
}

#[test]
fn a_previous_key_opens_what_it_sealed_and_another_key_does_not() {
    let entropy = Arc::new(seeded_entropy(1));
    let sealed = cipher(1, &[], &entropy).seal(b"value", b"place").unwrap();
    let promoted = cipher(2, &[1], &entropy);
    assert_eq!(*promoted.open(&sealed, b"place").unwrap(), b"value");
    let stranger = cipher(2, &[3], &entropy);
    assert_eq!(
        stranger.open(&sealed, b"place"),
        Err(CipherError::UnknownKey)
    );
}

#[test]
fn knows_the_keys_that_it_was_given() {
    let entropy = Arc::new(seeded_entropy(1));
    let first = cipher(1, &[], &entropy).current_seal_id();
    let second = cipher(2, &[1], &entropy);
    assert_ne!(second.current_seal_id(), first);
    assert_eq!(second.known_seal_ids(), [second.current_seal_id(), first]);
    assert!(
        !cipher(1, &[], &entropy)
            .known_seal_ids()
            .contains(&second.current_seal_id())
    );
    assert!(!cipher(2, &[3], &entropy).known_seal_ids().contains(&first));
}

/// The id of a key must never change, because old databases contain it.
#[test]
fn the_seal_id_is_a_version_and_the_start_of_a_hash() {
    let present = cipher(1, &[], &Arc::new(seeded_entropy(1))).current_seal_id();
    assert_eq!(present.to_string(), "01a242c73b");
}

/// RFC 4231 section 4.3 (test case 2). HMAC pads short keys with zeros, so the padded key gives the same hash.
#[test]
fn the_keyed_hash_is_hmac_sha_256() {
    let mut key = [0; 32];
    key[..4].copy_from_slice(b"Jefe");
    let entropy = Arc::new(seeded_entropy(1));
    let hash =
        cipher(1, &[], &entropy).keyed_hash(&HashKey::new(key), b"what do ya want for nothing?");
    let start = [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e];
    assert_eq!(hash.as_bytes()[..8], start);
}
