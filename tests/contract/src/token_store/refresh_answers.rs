//! Other contents of responses: unusable access tokens, additional response parameters, origins and lifetimes.

use central_oauth_domain::grant::{
    AccountStatus, LifetimeHints, NewGrant, RefreshedTokens, StoredTokens, TokenOrigin,
};
use central_oauth_domain::ports::{RecordedRefresh, TokenStore};

use super::Fixture;
use super::samples::*;

/// Returns a response with a new refresh token and an unusable access token.
fn unusable(which: &str) -> RefreshedTokens {
    let failure = failure(30);
    RefreshedTokens {
        refresh_token_expires_at: None,
        next_refresh_at: failure.next_refresh_at,
        access_token: Err(Box::new(failure)),
        ..fresh(which)
    }
}

fn at_issuer(issuer: &str, token_endpoint: &str) -> TokenOrigin {
    TokenOrigin {
        issuer: Some(issuer.to_owned()),
        token_endpoint: token_endpoint.to_owned(),
        ..origin()
    }
}

const ISSUER: &str = "https://provider.example";
const MOVED: &str = "https://provider.example/v2/token";

pub(super) async fn an_unusable_access_token_leaves_the_stored_one(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    let claimed = claim_refresh(&*store, id, 19, 34).await;
    let recorded = record_for(&*store, &claimed, unusable("two")).await;
    assert_eq!(recorded, RecordedRefresh::Stored);
    let now = stored(&*store, id).await;
    assert_eq!(now.refresh_token, Some(sealed("refresh two")));
    assert!(now.generation > claimed.generation);
    assert_eq!(now.lease.until, None);
    let mut expected = claimed;
    expected.account.status = AccountStatus::Degraded;
    expected.account.last_error = Some(failure(30).fault);
    expected.account.next_refresh_at = Some(at(30));
    expected.account.last_refreshed_at = Some(at(20));
    expected.attempts = failure(30).attempts;
    expected.refresh_token = now.refresh_token.clone();
    (expected.generation, expected.lease) = (now.generation, now.lease);
    assert_eq!(now, expected, "all else stays");
    assert_eq!(store.next_refresh_at(&[]).await.unwrap(), Some(at(30)));

    let again = claim_refresh(&*store, id, 30, 45).await;
    let healed = record_for(&*store, &again, fresh("three")).await;
    assert_eq!(healed, RecordedRefresh::Stored);
    let now = stored(&*store, id).await;
    assert_eq!(now.account.status, AccountStatus::Active);
    assert_eq!(now.access_token, sealed("access three"));
}

pub(super) async fn an_unusable_answer_is_recorded_once(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    let claimed = claim_refresh(&*store, id, 19, 34).await;
    let record = async || record_for(&*store, &claimed, unusable("two")).await;
    assert_eq!(record().await, RecordedRefresh::Stored);
    let once = stored(&*store, id).await;
    assert_eq!(record().await, RecordedRefresh::Stored);
    assert_eq!(stored(&*store, id).await, once);
}

pub(super) async fn a_late_unusable_answer_is_dropped(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    let late = claim_refresh(&*store, id, 10, 12).await;
    let theirs = claim_refresh(&*store, id, 12, 14).await;
    record_for(&*store, &theirs, fresh("theirs")).await;
    let before = stored(&*store, id).await;
    let recorded = record_for(&*store, &late, unusable("late")).await;
    assert_eq!(recorded, RecordedRefresh::Superseded);
    assert_eq!(stored(&*store, id).await, before);
}

/// Links Ada's account, refreshes it at second 5, and claims the next refresh twice. Returns both claims, for an
/// earlier and a later answer to the same refresh token.
async fn with_two_answers(store: &dyn TokenStore) -> [StoredTokens; 2] {
    let id = linked(store, 1, grant("ada", "one"), 1).await.id;
    let claimed = claim_refresh(store, id, 5, 10).await;
    let two = RefreshedTokens {
        requested_at: at(5),
        ..fresh("two")
    };
    record_for(store, &claimed, two).await;
    let first = claim_refresh(store, id, 10, 20).await;
    [first, claim_refresh(store, id, 20, 40).await]
}

pub(super) async fn an_earlier_answer_does_not_replace_an_unusable_one(fixture: &dyn Fixture) {
    let store = fixture.store();
    let [first, retry] = with_two_answers(&*store).await;
    let later = RefreshedTokens {
        requested_at: at(25),
        ..unusable("later")
    };
    record_for(&*store, &retry, later).await;
    let before = stored(&*store, first.account.id).await;
    let recorded = record_for(&*store, &first, fresh("earlier")).await;
    assert_eq!(recorded, RecordedRefresh::Superseded);
    assert_eq!(stored(&*store, first.account.id).await, before);
}

pub(super) async fn a_later_answer_replaces_an_unusable_one(fixture: &dyn Fixture) {
    let store = fixture.store();
    let [first, retry] = with_two_answers(&*store).await;
    record_for(&*store, &first, unusable("earlier")).await;
    let later = RefreshedTokens {
        requested_at: at(25),
        ..fresh("later")
    };
    let recorded = record_for(&*store, &retry, later).await;
    assert_eq!(recorded, RecordedRefresh::Stored);
    let now = stored(&*store, first.account.id).await;
    assert_eq!(now.refresh_token, Some(sealed("refresh later")));
    assert_eq!(now.account.status, AccountStatus::Active);
}

pub(super) async fn an_unusable_answer_brings_a_dead_grant_back(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    require_relink(&*store, id).await;
    let claimed = claim_refresh(&*store, id, 19, 34).await;
    let recorded = record_for(&*store, &claimed, unusable("two")).await;
    assert_eq!(recorded, RecordedRefresh::Stored);
    let account = store.account(id).await.unwrap().unwrap();
    assert_eq!(account.status, AccountStatus::Degraded);
}

pub(super) async fn extra_goes_with_its_access_token(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    let tokens = stored(&*store, id).await;
    assert_eq!(tokens.extra, Some(sealed("extra one")));
    record_for(&*store, &tokens, fresh("two")).await;
    let tokens = stored(&*store, id).await;
    assert_eq!(tokens.extra, Some(sealed("extra two")));
    let none = RefreshedTokens {
        extra: None,
        ..fresh("three")
    };
    record_for(&*store, &tokens, none).await;
    assert_eq!(stored(&*store, id).await.extra, None);
    linked(&*store, 2, grant("ada", "four"), 30).await;
    let tokens = stored(&*store, id).await;
    assert_eq!(tokens.extra, Some(sealed("extra four")));
    let none = NewGrant {
        extra: None,
        ..grant("ada", "five")
    };
    linked(&*store, 3, none, 40).await;
    assert_eq!(stored(&*store, id).await.extra, None);
}

pub(super) async fn an_issuer_may_move_its_token_endpoint(fixture: &dyn Fixture) {
    // This includes tokens from before the issuer was recorded.
    for (n, before) in [
        (1, origin()),
        (2, at_issuer(ISSUER, "https://old.example/token")),
    ] {
        let store = fixture.store();
        let given = NewGrant {
            origin: before.clone(),
            ..grant(&format!("person {n}"), "one")
        };
        let id = linked(&*store, n, given, 10).await.id;
        let tokens = stored(&*store, id).await;
        assert_eq!(tokens.origin, before);
        let moved = RefreshedTokens {
            origin: at_issuer(ISSUER, MOVED),
            ..fresh("two")
        };
        let recorded = record_for(&*store, &tokens, moved).await;
        assert_eq!(recorded, RecordedRefresh::Stored);
        let now = stored(&*store, id).await;
        assert_eq!(now.origin, at_issuer(ISSUER, MOVED));
    }
}

pub(super) async fn tokens_of_another_issuer_are_not_kept(fixture: &dyn Fixture) {
    let store = fixture.store();
    let given = NewGrant {
        origin: at_issuer(ISSUER, MOVED),
        ..grant("ada", "one")
    };
    let id = linked(&*store, 1, given, 10).await.id;
    let before = stored(&*store, id).await;
    let other = RefreshedTokens {
        origin: at_issuer("https://other.example", MOVED),
        ..fresh("two")
    };
    let recorded =
        store.record_refresh(id, before.generation, before.lease.version, other, audit());
    assert_conflict(recorded.await);
    assert_eq!(stored(&*store, id).await, before);
}

pub(super) async fn what_is_known_of_lifetimes_is_kept(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    let tokens = stored(&*store, id).await;
    assert_eq!(tokens.hints, lasting(3600));
    let hints = LifetimeHints {
        lifetime: None,
        hinted_end: Some(at(5000)),
    };
    let hinted = RefreshedTokens {
        access_token_expires_at: None,
        hints,
        ..fresh("two")
    };
    record_for(&*store, &tokens, hinted).await;
    let tokens = stored(&*store, id).await;
    assert_eq!(tokens.hints, hints);
    assert_eq!(tokens.account.access_token_expires_at, None);
}

fn silent(which: &str) -> NewGrant {
    NewGrant {
        requested_at: at(20),
        access_token_expires_at: None,
        hints: LifetimeHints::default(),
        next_refresh_at: None,
        ..grant("ada", which)
    }
}

pub(super) async fn linking_again_keeps_the_last_known_lifetime(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    let kept = NewGrant {
        refresh_token: None,
        ..silent("three")
    };
    for (n, again) in [(2, silent("two")), (3, kept)] {
        linked(&*store, n, again, 25).await;
        let tokens = stored(&*store, id).await;
        assert_eq!(tokens.hints, lasting(3600));
        let end = at(20) + secs(3600);
        assert_eq!(tokens.account.access_token_expires_at, Some(end));
        let next = tokens.account.next_refresh_at.unwrap();
        assert!(next > at(25) && next < end, "{next:?}");
    }
}

pub(super) async fn linking_again_without_any_refresh_token_keeps_no_lifetime(
    fixture: &dyn Fixture,
) {
    let store = fixture.store();
    let id = linked(&*store, 1, grant("ada", "one"), 10).await.id;
    require_relink(&*store, id).await;
    let bare = NewGrant {
        refresh_token: None,
        ..silent("two")
    };
    linked(&*store, 2, bare, 25).await;
    let tokens = stored(&*store, id).await;
    assert_eq!(tokens.hints, LifetimeHints::default());
    assert_eq!(tokens.account.access_token_expires_at, None);
    assert_eq!(tokens.account.next_refresh_at, None);
}

pub(super) async fn a_refresh_token_stays_where_its_issuer_moves(fixture: &dyn Fixture) {
    let store = fixture.store();
    let given = NewGrant {
        origin: at_issuer(ISSUER, "https://old.example/token"),
        ..grant("ada", "one")
    };
    let id = linked(&*store, 1, given, 10).await.id;
    let again = NewGrant {
        refresh_token: None,
        origin: at_issuer(ISSUER, MOVED),
        ..grant("ada", "two")
    };
    linked(&*store, 2, again, 20).await;
    let tokens = stored(&*store, id).await;
    assert_eq!(tokens.refresh_token, Some(sealed("refresh one")));
    assert_eq!(tokens.origin, at_issuer(ISSUER, MOVED));
}
