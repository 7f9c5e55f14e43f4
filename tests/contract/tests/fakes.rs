//! The fakes fulfil the contracts, so tests with them are valid for the real adapters.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_contract::token_store::Fixture;
use central_oauth_contract::{cipher, clock, token_store};
use central_oauth_domain::ports::{Cipher, CipherError, Clock, TokenStore};
use central_oauth_domain::testing::{FakeCipher, FixedClock, MemoryStore, seeded_entropy};

struct InMemory(Arc<MemoryStore>);

impl Fixture for InMemory {
    fn store(&self) -> Arc<dyn TokenStore> {
        self.0.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_in_memory() {
    token_store::run(async || InMemory(Arc::default())).await;
}

#[test]
fn the_fake_cipher() {
    cipher::run(|| Arc::new(FakeCipher::default()));
}

#[test]
fn the_fake_cipher_knows_its_key() {
    let (cipher, other) = (FakeCipher::new(1), FakeCipher::new(2));
    let sealed = cipher.seal(b"secret", b"place").unwrap();
    let opened = other.open(&sealed, b"place").map(drop);
    assert_eq!(opened, Err(CipherError::UnknownKey));
}

#[test]
fn the_fixed_clock() {
    let clock = FixedClock::default();
    clock::run(&clock);
    let (shared, before) = (clock.clone(), clock.now());
    clock.advance(Duration::from_secs(1));
    assert_eq!(shared.now(), before + Duration::from_secs(1));
}

#[test]
fn seeded_entropy_repeats_itself() {
    let text = |seed| seeded_entropy(seed).text(40);
    assert_eq!(text(1), text(1));
    assert_ne!(text(1), text(2));
}
