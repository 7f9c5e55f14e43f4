//! The contract of a cipher.

use std::collections::HashSet;
use std::sync::Arc;

use central_oauth_domain::ports::{Cipher, CipherError, HashKey};
use central_oauth_domain::secret::{SealId, Sealed};

const PLACE: &[u8] = b"tokens.refresh_token of ada";
const SECRET: &[u8] = b"a refresh token";

/// Runs the suite on the ciphers that `make` creates.
///
/// # Panics
/// When the cipher violates the contract.
pub fn run(make: impl Fn() -> Arc<dyn Cipher>) {
    let cipher = make();
    let cipher = cipher.as_ref();
    opens_what_it_sealed(cipher);
    opens_it_nowhere_else(cipher);
    notices_every_changed_byte(cipher);
    notices_every_other_length(cipher);
    never_seals_alike(cipher);
    says_which_key_seals(cipher);
    knows_no_other_key(cipher);
    is_known_to_one_made_alike(cipher, make().as_ref());
    does_not_show_the_value(cipher);
    hashes_alike_what_is_alike(cipher);
    hashes_depend_on_key_and_value(cipher);
}

fn seal(cipher: &dyn Cipher, value: &[u8]) -> Sealed {
    cipher.seal(value, PLACE).unwrap()
}

fn opens_what_it_sealed(cipher: &dyn Cipher) {
    let long = vec![0xa5; 10_000];
    for value in [b"".as_slice(), b"x", SECRET, &[0, 255, 0], &long] {
        let sealed = seal(cipher, value);
        assert_eq!(cipher.open(&sealed, PLACE).unwrap().as_slice(), value);
    }
}

fn opens_it_nowhere_else(cipher: &dyn Cipher) {
    let sealed = seal(cipher, SECRET);
    let longer = [PLACE, b"x"].concat();
    for place in [b"".as_slice(), &PLACE[1..], b"accounts", &longer] {
        let opened = cipher.open(&sealed, place).map(drop);
        assert_eq!(opened, Err(CipherError::Corrupt));
    }
}

fn notices_every_changed_byte(cipher: &dyn Cipher) {
    let sealed = seal(cipher, SECRET);
    for index in 0..sealed.as_bytes().len() {
        for flipped in [0x01, 0x80, 0xff] {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[index] ^= flipped;
            let opened = cipher.open(&Sealed::from_bytes(bytes), PLACE);
            assert!(opened.is_err(), "byte {index} changed and it opened");
        }
    }
}

fn notices_every_other_length(cipher: &dyn Cipher) {
    let sealed = seal(cipher, SECRET);
    let whole = sealed.as_bytes();
    for length in 0..whole.len() {
        let cut = Sealed::from_bytes(whole[..length].to_vec());
        assert!(cipher.open(&cut, PLACE).is_err(), "cut to {length} bytes");
    }
    let longer = Sealed::from_bytes([whole, &[0]].concat());
    assert!(cipher.open(&longer, PLACE).is_err());
}

fn never_seals_alike(cipher: &dyn Cipher) {
    let sealed = (0..1000).map(|_| seal(cipher, SECRET).as_bytes().to_vec());
    assert_eq!(sealed.collect::<HashSet<_>>().len(), 1000);
}

fn says_which_key_seals(cipher: &dyn Cipher) {
    let present = cipher.current_seal_id();
    for value in [b"".as_slice(), SECRET] {
        let sealed = seal(cipher, value);
        assert!(sealed.as_bytes().starts_with(&present.0));
        assert_eq!(sealed.seal_id(), Some(present));
    }
    assert!(cipher.known_seal_ids().contains(&present));
}

/// A value with an unknown key id cannot be decrypted either.
fn knows_no_other_key(cipher: &dyn Cipher) {
    let sealed = seal(cipher, SECRET);
    for index in 0..SealId::LENGTH {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[index] ^= 1;
        let other = Sealed::from_bytes(bytes);
        assert!(
            !other
                .seal_id()
                .is_some_and(|seal| cipher.known_seal_ids().contains(&seal))
        );
        assert!(cipher.open(&other, PLACE).is_err());
    }
}

/// Ids are the same in every process.
fn is_known_to_one_made_alike(cipher: &dyn Cipher, other: &dyn Cipher) {
    assert_eq!(cipher.current_seal_id(), other.current_seal_id());
    assert!(other.known_seal_ids().contains(&cipher.current_seal_id()));
    let opened = other.open(&seal(cipher, SECRET), PLACE).unwrap();
    assert_eq!(opened.as_slice(), SECRET);
}

fn does_not_show_the_value(cipher: &dyn Cipher) {
    let sealed = seal(cipher, SECRET);
    let mut windows = sealed.as_bytes().windows(SECRET.len());
    assert!(!windows.any(|window| window == SECRET));
}

fn hashes_alike_what_is_alike(cipher: &dyn Cipher) {
    let hash = || cipher.keyed_hash(&HashKey::new([7; 32]), SECRET);
    assert_eq!(hash(), hash());
}

fn hashes_depend_on_key_and_value(cipher: &dyn Cipher) {
    let values = [b"".as_slice(), b"1", b"2", b"12", b"1\0"];
    let mut hashes = HashSet::new();
    for key in [[7; 32], [8; 32]].map(HashKey::new) {
        hashes.extend(values.map(|value| cipher.keyed_hash(&key, value)));
    }
    assert_eq!(hashes.len(), 2 * values.len());
}
