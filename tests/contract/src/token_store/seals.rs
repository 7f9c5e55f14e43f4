//! Which keys sealed which values, and their re-encryption.

use std::collections::BTreeSet;

use central_oauth_domain::audit::Actor;
use central_oauth_domain::grant::revocation::{
    RevocableTokens, RevocationReference, RevocationResult, RevocationStatus,
};
use central_oauth_domain::grant::{AccountId, AccountKey, Generation, NewGrant, RefreshedTokens};
use central_oauth_domain::link::{
    Ending, Link, LinkState, SealedConsent, SealedGrant, SealedPrompt,
};
use central_oauth_domain::ports::{
    NewLink, OwnerKind, Resealing, SealedRow, SealedTo, SecretKind, TokenStore,
};
use central_oauth_domain::secret::{SealId, Sealed};
use tokio::task::JoinSet;

use super::Fixture;
use super::confirming::owner;
use super::samples::*;

/// Returns the header of values of key number `n`. Zeros and arbitrary bytes are allowed.
const fn seal(n: u8) -> SealId {
    SealId([1, 0, n, 0xff, !n])
}

fn by(n: u8, text: &str) -> Sealed {
    Sealed::from_bytes([&seal(n).0, text.as_bytes()].concat())
}

fn seals(numbers: impl IntoIterator<Item = u8>) -> BTreeSet<SealId> {
    numbers.into_iter().map(seal).collect()
}

async fn in_use(store: &dyn TokenStore) -> BTreeSet<SealId> {
    store.seals_in_use().await.unwrap()
}

/// Returns all owners of a kind with a value that another key sealed.
async fn otherwise(store: &dyn TokenStore, owners: OwnerKind, present: u8) -> Vec<SealedRow> {
    let rows = store.rows_sealed_otherwise(owners, seal(present), 0, u64::MAX);
    let rows = rows.await.unwrap().into_iter();
    rows.map(Result::unwrap).collect()
}

fn kinds(row: &SealedRow) -> Vec<SecretKind> {
    row.values.iter().map(|value| value.kind).collect()
}

/// Returns the row with its values sealed by key number `n`.
fn moved(row: &SealedRow, n: u8) -> Resealing {
    let values = row.values.iter();
    let values = values.map(|value| by(n, &format!("{:?}", value.kind)));
    Resealing {
        row: row.clone(),
        values: values.collect(),
    }
}

async fn reseal(store: &dyn TokenStore, rows: &[Resealing]) -> u64 {
    store.reseal(rows).await.unwrap()
}

fn grant_by(person: &str, access: u8, refresh: u8) -> NewGrant {
    NewGrant {
        access_token: by(access, "access"),
        refresh_token: Some(by(refresh, "refresh")),
        extra: Some(by(access, "extra")),
        ..grant(person, "one")
    }
}

/// Stores link number `n` with every kind of value, each sealed by a key of its own, from `first` on. No real flow has
/// them all.
async fn consent_by(store: &dyn TokenStore, n: u8, first: u8) {
    let link = pending(store, n).await;
    let consent = SealedConsent {
        handle: by(first, "handle"),
        prompt: SealedPrompt::UserCode {
            user_code: by(first + 1, "code"),
            verification_uri: "https://provider.example/device".to_owned(),
            verification_uri_complete: Some(by(first + 2, "complete")),
        },
        callback: None,
        client_id: None,
    };
    let begun = store.begin_consent(&link, consent, None, link.expires_at, at(0));
    let link = begun.await.unwrap();
    let kept = store.store_callback(&link, by(first + 3, "callback"), answer(1), poll(5));
    kept.await.unwrap();
}

async fn redeemed_by(store: &dyn TokenStore, n: u8, first: u8) {
    consent_by(store, n, first).await;
    let link = claim_one(store, 5, 600).await;
    let grant = SealedGrant {
        access_token: by(first, "access"),
        refresh_token: Some(by(first + 1, "refresh")),
        id_token: Some(by(first + 2, "id")),
        extra: Some(by(first, "extra")),
        ..sealed_grant()
    };
    let kept = store.store_redeemed(&link, grant, poll(6), at(700));
    kept.await.unwrap();
}

/// Links an account, each of whose values is sealed by a key of its own, from `first` on.
async fn account_by(store: &dyn TokenStore, n: u8, person: &str, first: u8) -> AccountId {
    let grant = grant_by(person, first, first + 1);
    linked(store, n, grant, 10).await.id
}

async fn revocation_by(store: &dyn TokenStore, n: u8, first: u8) {
    let mut new = new_revocation(n, None);
    new.tokens = RevocableTokens {
        access_token: Some(by(first, "access")),
        refresh_token: Some(by(first + 1, "refresh")),
        id_token: Some(by(first + 2, "id")),
    };
    assert!(store.store_stray(new).await.unwrap());
}

/// Stores one row in each table and one link of both kinds. Their keys are 1, 2 to 4, 12 to 15, 22 and 23, and 32 to
/// 34.
async fn everything(store: &dyn TokenStore) -> AccountId {
    store.init_hash_key(by(1, "hash key")).await.unwrap();
    redeemed_by(store, 1, 2).await;
    consent_by(store, 2, 12).await;
    revocation_by(store, 1, 32).await;
    account_by(store, 3, "ada", 22).await
}

pub(super) async fn an_empty_store_needs_no_key(fixture: &dyn Fixture) {
    let store = fixture.store();
    assert_eq!(in_use(&*store).await, seals([]));
    for owners in OwnerKind::ALL {
        assert_eq!(otherwise(&*store, owners, 1).await, []);
    }
    assert_eq!(reseal(&*store, &[]).await, 0);
}

pub(super) async fn every_value_needs_its_key(fixture: &dyn Fixture) {
    let store = fixture.store();
    everything(&*store).await;
    let all = [1].into_iter().chain(2..=4).chain(12..=15);
    let all = all.chain(22..=23).chain(32..=34);
    assert_eq!(in_use(&*store).await, seals(all));
}

pub(super) async fn many_rows_may_share_a_few_keys(fixture: &dyn Fixture) {
    let store = fixture.store();
    for n in 1..=20 {
        let grant = grant_by(&format!("person {n}"), n % 3, n % 2);
        linked(&*store, n, grant, 10).await;
    }
    let bare = NewGrant {
        refresh_token: None,
        ..grant_by("bare", 9, 9)
    };
    linked(&*store, 21, bare, 10).await;
    assert_eq!(in_use(&*store).await, seals([0, 1, 2, 9]));
    let rows = otherwise(&*store, OwnerKind::Account, 1).await;
    assert!(rows.is_sorted_by_key(|row| row.id));
    // All but numbers 1, 7, 13 and 19, whose tokens both have key 1.
    assert_eq!(rows.len(), 17);
    let mut pages: Vec<SealedRow> = Vec::new();
    while let Some(page) = {
        let after = pages.last().map_or(0, |row| row.id);
        let page = store.rows_sealed_otherwise(OwnerKind::Account, seal(1), after, 5);
        Some(page.await.unwrap()).filter(|page| !page.is_empty())
    } {
        assert!(page.len() <= 5);
        pages.extend(page.into_iter().map(Result::unwrap));
    }
    assert_eq!(pages, rows);
    let none = store.rows_sealed_otherwise(OwnerKind::Account, seal(1), 0, 0);
    assert_eq!(none.await.unwrap(), []);
}

pub(super) async fn what_is_gone_needs_no_key(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = everything(&*store).await;
    for n in [1, 2] {
        let link = found(&*store, n).await;
        let ended = store.end_link(&link, Ending::Denied(None), None, at(20));
        ended.await.unwrap();
    }
    let seen = stored(&*store, id).await;
    let mut new = new_revocation(2, None);
    new.tokens = RevocableTokens {
        refresh_token: Some(by(40, "refresh")),
        ..RevocableTokens::default()
    };
    store
        .delete_account(&seen, new, draft(Actor::ADMIN))
        .await
        .unwrap();
    assert_eq!(in_use(&*store).await, seals([1, 32, 33, 34, 40]));
    for owners in [OwnerKind::Account, OwnerKind::Link] {
        assert_eq!(otherwise(&*store, owners, 1).await, []);
    }
}

/// Returns the expected rows of a kind of owners: which owners, and which of their values.
fn rows_of(owners: OwnerKind, account: AccountKey) -> Vec<(SealedTo, Vec<SecretKind>)> {
    use SecretKind::*;
    match owners {
        OwnerKind::Service => vec![(SealedTo::Service, vec![HashKey])],
        OwnerKind::Account => {
            let values = vec![AccessToken, Extra, RefreshToken];
            vec![(SealedTo::Account(account), values)]
        }
        OwnerKind::Link => {
            let redeemed = vec![AccessToken, Extra, RefreshToken, IdToken];
            let asked = vec![DeviceCode, Callback, UserCode, VerificationUriComplete];
            let [one, two] = [1, 2].map(|n| SealedTo::Link(code(n)));
            vec![(one, redeemed), (two, asked)]
        }
        OwnerKind::Revocation => {
            let reference = RevocationReference([1; 16]);
            let values = vec![AccessToken, RefreshToken, IdToken];
            vec![(SealedTo::Revocation(reference), values)]
        }
    }
}

pub(super) async fn rows_say_what_they_are_sealed_to(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = everything(&*store).await;
    let tokens = stored(&*store, id).await;
    for owners in OwnerKind::ALL {
        let rows = otherwise(&*store, owners, 99).await;
        let found = rows.iter().map(|row| (row.owner.clone(), kinds(row)));
        let expected = rows_of(owners, tokens.account.key.clone());
        assert_eq!(found.collect::<Vec<_>>(), expected, "{owners:?}");
        if owners == OwnerKind::Account {
            let values = rows[0].values.iter().map(|value| value.sealed.clone());
            let expected = [
                tokens.access_token.clone(),
                by(22, "extra"),
                by(23, "refresh"),
            ];
            assert_eq!(values.collect::<Vec<_>>(), expected);
        }
    }
}

pub(super) async fn one_other_value_is_enough(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = everything(&*store).await;
    for owners in OwnerKind::ALL {
        let rows = otherwise(&*store, owners, 99).await;
        let all_but_the_last = rows.iter().map(|row| {
            let mut moved = moved(row, 50);
            let last = &row.values[row.values.len() - 1];
            *moved.values.last_mut().unwrap() = last.sealed.clone();
            moved
        });
        let all_but_the_last: Vec<_> = all_but_the_last.collect();
        let changed = reseal(&*store, &all_but_the_last).await;
        assert_eq!(changed, rows.len() as u64);
        let left = otherwise(&*store, owners, 50).await;
        assert_eq!(left.len(), rows.len(), "{owners:?}");
        let rest: Vec<_> = left.iter().map(|row| moved(row, 50)).collect();
        reseal(&*store, &rest).await;
        assert_eq!(otherwise(&*store, owners, 50).await, [], "{owners:?}");
    }
    assert_eq!(in_use(&*store).await, seals([50]));
    let tokens = stored(&*store, id).await;
    assert_eq!(tokens.access_token, by(50, "AccessToken"));
    assert_eq!(tokens.extra, Some(by(50, "Extra")));
    assert_eq!(tokens.refresh_token, Some(by(50, "RefreshToken")));
    let kept = store.hash_key().await.unwrap();
    assert_eq!(kept, Some(by(50, "HashKey")));
}

pub(super) async fn resealing_changes_nothing_else(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = everything(&*store).await;
    let (tokens, link) = (stored(&*store, id).await, found(&*store, 2).await);
    let revocations = store.revocations(None, 10).await.unwrap();
    for owners in OwnerKind::ALL {
        let rows = otherwise(&*store, owners, 50).await;
        let rows: Vec<_> = rows.iter().map(|row| moved(row, 50)).collect();
        assert_eq!(reseal(&*store, &rows).await, rows.len() as u64);
    }
    let mut expected = tokens;
    let now = stored(&*store, id).await;
    expected.access_token = now.access_token.clone();
    expected.extra = now.extra.clone();
    expected.refresh_token = now.refresh_token.clone();
    assert_eq!(now, expected);
    let kept = found(&*store, 2).await;
    assert_eq!((kept.version, kept.poll), (link.version, link.poll));
    let LinkState::Authorizing(consent) = kept.state else {
        panic!("{:?}", kept.state);
    };
    assert_eq!(consent.handle, by(50, "DeviceCode"));
    assert_eq!(consent.callback, Some(by(50, "Callback")));
    assert_eq!(store.revocations(None, 10).await.unwrap(), revocations);
    let lease = claim_revocation(&*store, 10, 30).await;
    assert_eq!(lease.tokens.id_token, Some(by(50, "IdToken")));
}

pub(super) async fn what_has_changed_is_left_alone(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant_by("ada", 1, 1), 10).await.id;
    let bare = NewGrant {
        refresh_token: None,
        ..grant_by("bob", 1, 1)
    };
    let bob = linked(&*store, 2, bare, 10).await.id;
    let cid = linked(&*store, 3, grant_by("cid", 1, 1), 10).await.id;
    let dan = linked(&*store, 4, grant_by("dan", 1, 1), 10).await.id;
    let rows = otherwise(&*store, OwnerKind::Account, 50).await;
    let rows: Vec<_> = rows.iter().map(|row| moved(row, 50)).collect();
    // One has another access token, one a refresh token that it lacked, and one has lost its additional response
    // parameters.
    let generation = stored(&*store, ada).await.generation;
    let refreshed = RefreshedTokens {
        access_token: Ok(by(1, "new access")),
        refresh_token: None,
        ..fresh("two")
    };
    record(&*store, ada, generation, refreshed).await;
    linked(&*store, 5, grant_by("bob", 1, 1), 20).await;
    let without = NewGrant {
        extra: None,
        ..grant_by("cid", 1, 1)
    };
    linked(&*store, 6, without, 20).await;

    let mut before = Vec::new();
    for id in [ada, bob, cid] {
        before.push(stored(&*store, id).await);
    }
    assert_eq!(reseal(&*store, &rows).await, 1);
    for tokens in before {
        assert_eq!(stored(&*store, tokens.account.id).await, tokens);
    }
    let access = stored(&*store, dan).await.access_token;
    assert_eq!(access, by(50, "AccessToken"));
}

pub(super) async fn what_has_gone_stays_gone(fixture: &dyn Fixture) {
    let store = fixture.store();
    let id = everything(&*store).await;
    let mut rows = Vec::new();
    for owners in [OwnerKind::Account, OwnerKind::Link, OwnerKind::Revocation] {
        let read = otherwise(&*store, owners, 50).await;
        rows.extend(read.iter().map(|row| moved(row, 50)));
    }
    let seen = stored(&*store, id).await;
    let mut gone = new_revocation(2, None);
    gone.tokens = RevocableTokens::default();
    store
        .delete_account(&seen, gone, draft(Actor::ADMIN))
        .await
        .unwrap();
    let link = found(&*store, 1).await;
    complete(&*store, &link, grant_by("bob", 60, 60), 20)
        .await
        .unwrap();
    let link = found(&*store, 2).await;
    let ended = store.end_link(&link, Ending::Denied(None), None, at(20));
    ended.await.unwrap();
    for lease in claim_revocations(&*store, 10, 30, 10).await {
        let (id, version) = (lease.revocation.id, lease.revocation.lease.version);
        let over = RevocationResult::Ended {
            status: RevocationStatus::Revoked,
            fault: None,
        };
        store
            .record_revocation(id, version, over, at(11))
            .await
            .unwrap();
    }
    assert_eq!(reseal(&*store, &rows).await, 0);
    assert_eq!(in_use(&*store).await, seals([1, 60]));
}

pub(super) async fn a_callback_comes_before_or_after_resealing(fixture: &dyn Fixture) {
    let store = fixture.store();
    let before = authorizing(&*store, 1, 5).await;
    let after = authorizing(&*store, 2, 5).await;
    let claimed = {
        authorizing(&*store, 3, 4).await;
        claim_one(&*store, 4, 60).await
    };
    let rows = otherwise(&*store, OwnerKind::Link, 50).await;
    let rows: Vec<_> = rows.iter().map(|row| moved(row, 50)).collect();
    let keep = async |link: &Link| {
        let kept = store.store_callback(link, by(50, "new"), answer(2), poll(6));
        kept.await.unwrap()
    };
    let kept = keep(&before).await;
    assert_eq!(reseal(&*store, &rows).await, 2);
    assert_eq!(found(&*store, 1).await, kept);
    let LinkState::Authorizing(consent) = keep(&after).await.state else {
        panic!("not authorizing any more");
    };
    assert_eq!(consent.handle, by(50, "DeviceCode"));
    assert_eq!(consent.callback, Some(by(50, "new")));
    // The claim was read before the values were sealed again. Using it does not restore the old values either.
    store.postpone_poll(&claimed, poll(9)).await.unwrap();
    let LinkState::Authorizing(consent) = found(&*store, 3).await.state else {
        panic!("not authorizing any more");
    };
    assert_eq!(consent.handle, by(50, "DeviceCode"));
}

/// In either order, the refreshed tokens are stored in the end.
pub(super) async fn refreshed_tokens_are_never_put_back(fixture: &dyn Fixture) {
    let mut ids = Vec::new();
    for n in 1..=16 {
        let grant = grant_by(&format!("person {n}"), 1, 1);
        ids.push(linked(&*fixture.store(), n, grant, 10).await.id);
    }
    let rows = otherwise(&*fixture.store(), OwnerKind::Account, 50).await;
    let mut tasks = JoinSet::new();
    for row in rows {
        let store = fixture.store();
        tasks.spawn(async move {
            reseal(&*store, &[moved(&row, 50)]).await;
        });
    }
    for id in ids.clone() {
        let store = fixture.store();
        tasks.spawn(async move {
            record(&*store, id, Generation::FIRST, fresh("two")).await;
        });
    }
    tasks.join_all().await;
    for id in ids {
        let tokens = stored(&*fixture.store(), id).await;
        assert_eq!(tokens.access_token, sealed("access two"));
        assert_eq!(tokens.refresh_token, Some(sealed("refresh two")));
    }
}

/// No cipher made such values, so no key fits. They must not block the other rows.
pub(super) async fn values_too_short_for_a_key_do_no_harm(fixture: &dyn Fixture) {
    let store = fixture.store();
    store.init_hash_key(sealed("x")).await.unwrap();
    let short = NewGrant {
        access_token: sealed("ab"),
        refresh_token: Some(sealed("")),
        ..grant("ada", "one")
    };
    let id = linked(&*store, 1, short, 10).await.id;
    linked(&*store, 2, grant_by("bob", 1, 1), 10).await;
    redeemed(&*store, 3).await;
    assert!(in_use(&*store).await.contains(&seal(1)));
    for owners in [OwnerKind::Service, OwnerKind::Account, OwnerKind::Link] {
        let rows = otherwise(&*store, owners, 1).await;
        assert_eq!(rows.len(), 1, "{owners:?}");
        assert_eq!(reseal(&*store, &[moved(&rows[0], 1)]).await, 1);
        assert_eq!(otherwise(&*store, owners, 1).await, [], "{owners:?}");
    }
    let tokens = stored(&*store, id).await;
    assert_eq!(tokens.access_token, by(1, "AccessToken"));
    assert_eq!(in_use(&*store).await, seals([1]));
}

pub(super) async fn tokens_that_are_held_stay_as_they_were_resealed(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = NewLink {
        return_code: true,
        ..new_link(1)
    };
    let link = keep(&*store, link).await;
    begin(&*store, &link, 5).await;
    let link = claim_one(&*store, 5, 65).await;
    let redeemed = store.store_redeemed(&link, sealed_grant(), poll(6), at(700));
    let redeemed = redeemed.await.unwrap();
    let rows = otherwise(&*store, OwnerKind::Link, 50).await;
    let rows: Vec<_> = rows.iter().map(|row| moved(row, 50)).collect();
    assert_eq!(reseal(&*store, &rows).await, 1);
    let held = store
        .hold_grant(&redeemed, owner(), key(77), at(10))
        .await
        .unwrap();
    assert!(matches!(held.state, LinkState::Confirming(_)));
    assert_eq!(otherwise(&*store, OwnerKind::Link, 50).await, []);
}
