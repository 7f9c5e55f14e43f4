//! Keys that somebody shows.

use central_oauth_domain::grant::{KeyBinding, KeyHolder, KeyRole};

use super::Fixture;
use super::samples::*;

pub(super) async fn an_unknown_key_opens_nothing(fixture: &dyn Fixture) {
    let store = fixture.store();
    pending(&*store, 1).await;
    assert_eq!(store.find_key(&key(2)).await.unwrap(), None);
    // Knowing a code is not knowing a key.
    assert_eq!(store.find_key(&code(1)).await.unwrap(), None);
    assert_eq!(store.find_link(&key(1)).await.unwrap(), None);
}

pub(super) async fn a_new_key_opens_its_link(fixture: &dyn Fixture) {
    let store = fixture.store();
    pending(&*store, 1).await;
    let link = authorizing(&*store, 2, 5).await;
    let expected = KeyHolder {
        id: link.key,
        role: KeyRole::Owner,
        expires_at: None,
        binding: KeyBinding::Link(Box::new(link)),
    };
    assert_eq!(store.find_key(&key(2)).await.unwrap(), Some(expected));
}
