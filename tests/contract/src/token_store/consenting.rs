//! The start of a provider's flow.

use central_oauth_domain::link::{Ending, LinkId, LinkState, SealedConsent, SealedPrompt};

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
            .begin_consent(
                link.id,
                link.version,
                told.clone(),
                Some(poll(5)),
                at(1800),
                at(0),
            )
            .await
            .unwrap();
        assert_eq!(begun.state, LinkState::Authorizing(told));
        assert_eq!((begun.poll, begun.expires_at), (Some(poll(5)), at(1800)));
        assert_eq!(begun.lease_until, None);
        assert!(begun.version > link.version);
        assert_eq!(found(&*store, n).await, begun);
    }
}

pub(super) async fn starts_once(fixture: &dyn Fixture) {
    let store = fixture.store();
    let begin = |id, version| store.begin_consent(id, version, consent(), None, at(900), at(0));
    assert_conflict(begin(LinkId(77), 1).await);
    let link = pending(&*store, 1).await;
    let begun = begin(link.id, link.version).await.unwrap();
    assert_conflict(begin(link.id, link.version).await);
    assert_conflict(begin(begun.id, begun.version).await);
    assert_eq!(found(&*store, 1).await, begun);
}

pub(super) async fn starts_in_time_only(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = pending(&*store, 1).await;
    let begin = |now| store.begin_consent(link.id, link.version, consent(), None, at(9000), now);
    assert_conflict(begin(link.expires_at).await);
    assert_eq!(found(&*store, 1).await, link);
    begin(at(0)).await.unwrap();
}

pub(super) async fn starts_from_the_present_version_alone(fixture: &dyn Fixture) {
    let store = fixture.store();
    let begin = |id, version| store.begin_consent(id, version, consent(), None, at(900), at(0));
    let link = pending(&*store, 1).await;
    let mine = store
        .reserve_link(link.id, browser(1), at(1))
        .await
        .unwrap();
    assert_conflict(begin(link.id, link.version).await);
    // Cancelling while the provider is being asked: the answer comes too late.
    let cancelled = store.end_link(mine.id, mine.version, Ending::Denied(None), None, at(2));
    cancelled.await.unwrap();
    assert_conflict(begin(mine.id, mine.version).await);
}
