//! Sessions of operators, on all replicas.

use central_oauth_domain::admin_session::AdminSession;
use central_oauth_domain::ports::TokenStore;
use central_oauth_domain::secret::KeyedHash;

use super::Fixture;
use super::samples::*;

fn token(n: u8) -> KeyedHash {
    KeyedHash::from_bytes([n; 32])
}

/// Returns a session that was last used at this second.
fn session(n: u8, seen: u64) -> AdminSession {
    AdminSession {
        token: token(n),
        created_at: at(0),
        seen_at: at(seen),
        mac: token(n + 100),
    }
}

async fn begin(store: &dyn TokenStore, sessions: &[AdminSession]) {
    for session in sessions {
        store.begin_session(session).await.unwrap();
    }
}

pub(super) async fn they_are_found_by_their_tokens(fixture: &dyn Fixture) {
    let store = fixture.store();
    begin(&*store, &[session(1, 5), session(2, 6)]).await;
    let found = store.session(&token(2)).await.unwrap();
    assert_eq!(found, Some(session(2, 6)));
    assert_eq!(store.session(&token(3)).await.unwrap(), None);
}

pub(super) async fn the_latest_use_stands(fixture: &dyn Fixture) {
    let store = fixture.store();
    begin(&*store, &[session(1, 5), session(2, 5)]).await;
    for second in [70, 60] {
        store.note_session_use(&token(1), at(second)).await.unwrap();
    }
    let found = store.session(&token(1)).await.unwrap();
    assert_eq!(found, Some(session(1, 70)));
    let other = store.session(&token(2)).await.unwrap();
    assert_eq!(other, Some(session(2, 5)));
}

pub(super) async fn one_that_has_ended_stays_ended(fixture: &dyn Fixture) {
    let store = fixture.store();
    begin(&*store, &[session(1, 5), session(2, 5)]).await;
    assert!(store.end_session(&token(1)).await.unwrap());
    assert!(!store.end_session(&token(1)).await.unwrap());
    store.note_session_use(&token(1), at(9)).await.unwrap();
    assert_eq!(store.session(&token(1)).await.unwrap(), None);
    assert!(store.session(&token(2)).await.unwrap().is_some());
}

pub(super) async fn unused_ones_are_forgotten(fixture: &dyn Fixture) {
    let store = fixture.store();
    begin(
        &*store,
        &[session(1, 5), session(2, 6), session(3, 7), session(4, 8)],
    )
    .await;
    assert_eq!(store.purge_sessions(at(8), 2).await.unwrap(), 2);
    assert_eq!(store.purge_sessions(at(8), 2).await.unwrap(), 1);
    assert_eq!(store.purge_sessions(at(8), 2).await.unwrap(), 0);
    assert!(store.session(&token(4)).await.unwrap().is_some());
}
