//! The start of a provider's flow.

use central_oauth_domain::link::{Ending, Link, LinkState, SealedConsent, SealedPrompt};
use central_oauth_domain::ports::{StoreError, TokenStore};

use super::Fixture;
use super::samples::*;

pub(super) async fn keeps_what_the_person_is_told(fixture: &dyn Fixture) {
    let store = fixture.store();
    let without_link = SealedPrompt::UserCode {
        user_code: sealed("user code"),
        verification_uri: "https://provider.example/device".to_owned(),
        verification_uri_complete: None,
    };
    let visit = SealedPrompt::Visit { uri: sealed("uri") };
    let back = Some(sealed("callback"));
    for (n, prompt, callback) in [
        (1, consent().prompt, None),
        (2, without_link, None),
        (3, visit, back),
    ] {
        let link = pending(&*store, n).await;
        let told = SealedConsent {
            prompt,
            callback,
            ..consent()
        };
        let begun = store
            .begin_consent(&link, told.clone(), Some(poll(5)), at(1800), at(0))
            .await
            .unwrap();
        assert_eq!(begun.state, LinkState::Authorizing(told));
        assert_eq!((begun.poll, begun.expires_at), (Some(poll(5)), at(1800)));
        assert_eq!(begun.lease_until, None);
        assert!(begun.version > link.version);
        assert_eq!(found(&*store, n).await, begun);
    }
}

async fn start(store: &dyn TokenStore, link: &Link) -> Result<Link, StoreError> {
    let begun = store.begin_consent(link, consent(), None, at(900), at(0));
    begun.await
}

pub(super) async fn starts_once(fixture: &dyn Fixture) {
    let store = fixture.store();
    let unknown = unknown(&*store, 9).await;
    assert_conflict(start(&*store, &unknown).await);
    let link = pending(&*store, 1).await;
    let begun = start(&*store, &link).await.unwrap();
    assert_conflict(start(&*store, &link).await);
    assert_conflict(start(&*store, &begun).await);
    assert_eq!(found(&*store, 1).await, begun);
}

pub(super) async fn starts_in_time_only(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = pending(&*store, 1).await;
    let begin = |now| store.begin_consent(&link, consent(), None, at(9000), now);
    assert_conflict(begin(link.expires_at).await);
    assert_eq!(found(&*store, 1).await, link);
    begin(at(0)).await.unwrap();
}

pub(super) async fn starts_from_the_present_version_alone(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = pending(&*store, 1).await;
    let mine = reserve(&*store, &link, 1, at(1)).await.unwrap();
    assert_conflict(start(&*store, &link).await);
    // The link was cancelled during the provider call: the response comes too late.
    let cancelled = store.end_link(&mine, Ending::Denied(None), None, at(2));
    cancelled.await.unwrap();
    assert_conflict(start(&*store, &mine).await);
}
