//! New links.

use central_oauth_domain::grant::InertKey;
use central_oauth_domain::link::{CodeLimit, Ending, LinkState, Requester};
use central_oauth_domain::ports::{LinkCreation, NewLink, NewLinkKey, TokenStore};
use central_oauth_domain::secret::KeyedHash;
use tokio::task::JoinSet;

use super::Fixture;
use super::samples::*;

pub(super) async fn a_new_link_is_pending(fixture: &dyn Fixture) {
    let store = fixture.store();
    let asked = new_link(1);
    let link = keep(&*store, asked.clone()).await;
    assert_eq!(link.state, LinkState::Pending);
    assert_eq!(
        (link.code, link.provider.clone()),
        (asked.code, asked.provider)
    );
    assert_eq!(link.requester, asked.requester);
    assert_eq!(link.created_at, asked.created_at);
    assert_eq!(link.expires_at, asked.expires_at);
    assert_eq!((link.relink_of, link.browser), (None, None));
    assert_eq!((link.poll, link.lease_until), (None, None));
    assert_eq!(found(&*store, 1).await, link);
    assert_eq!(store.find_link(&code(2)).await.unwrap(), None);

    let nobody = NewLink {
        requester: Requester::default(),
        ..new_link(2)
    };
    let second = keep(&*store, nobody).await;
    assert_eq!(second.requester, Requester::default());
    assert_ne!(second.id, link.id);
    assert_ne!(second.key, link.key);
}

pub(super) async fn a_taken_code_leaves_nothing(fixture: &dyn Fixture) {
    let store = fixture.store();
    let first = pending(&*store, 1).await;
    let second = NewLink {
        key: NewLinkKey::New(InertKey::owner(key(2))),
        ..new_link(1)
    };
    let refused = store
        .create_link(second, PLENTY, CODES, macs())
        .await
        .unwrap();
    assert_eq!(refused, LinkCreation::CodeTaken);
    assert_eq!(store.find_key(&key(2)).await.unwrap(), None);
    assert_eq!(found(&*store, 1).await, first);
}

pub(super) async fn a_taken_key_is_a_conflict(fixture: &dyn Fixture) {
    let store = fixture.store();
    pending(&*store, 1).await;
    let second = NewLink {
        key: NewLinkKey::New(InertKey::owner(key(1))),
        ..new_link(2)
    };
    assert_conflict(store.create_link(second, PLENTY, CODES, macs()).await);
    assert_eq!(store.find_link(&code(2)).await.unwrap(), None);
}

pub(super) async fn an_ended_link_holds_its_code(fixture: &dyn Fixture) {
    let store = fixture.store();
    let link = pending(&*store, 1).await;
    end(&*store, 1).await;
    let day = 24 * 60 * 60;
    let again = |created: u64| NewLink {
        key: NewLinkKey::New(InertKey::owner(key(2))),
        created_at: at(created),
        expires_at: at(created) + LIFETIME,
        ..new_link(1)
    };
    store.purge_links(at(10), at(10), 10).await.unwrap();
    let refused = store
        .create_link(again(day), PLENTY, CODES, macs())
        .await
        .unwrap();
    assert_eq!(refused, LinkCreation::CodeTaken);
    store.purge_links(at(11), at(11), 10).await.unwrap();
    assert_ne!(keep(&*store, again(day + 11)).await.id, link.id);
}

pub(super) async fn only_open_links_count(fixture: &dyn Fixture) {
    let store = fixture.store();
    let create = |n: u8, now: u64| {
        let store = fixture.store();
        let link = NewLink {
            created_at: at(now),
            expires_at: at(now) + LIFETIME,
            ..new_link(n)
        };
        async move { store.create_link(link, 2, CODES, macs()).await.unwrap() }
    };
    let kept = |creation| matches!(creation, LinkCreation::Created(_));
    assert!(kept(create(1, 0).await));
    assert!(kept(create(2, 0).await));
    assert_eq!(create(3, 0).await, LinkCreation::OverCapacity);
    assert_eq!(store.find_key(&key(3)).await.unwrap(), None);
    // An ended link frees its place, and so does an expired one.
    end(&*store, 1).await;
    assert!(kept(create(3, 599).await));
    assert_eq!(create(4, 599).await, LinkCreation::OverCapacity);
    assert!(kept(create(4, 600).await));
    // Links from a clock that was two hours ahead free their places, too.
    assert!(kept(create(6, 7200).await));
    assert!(kept(create(7, 7200).await));
    assert!(kept(create(8, 1200).await));
    assert!(kept(create(9, 1200).await));
    assert_eq!(create(10, 1200).await, LinkCreation::OverCapacity);
    let none = store
        .create_link(new_link(5), 0, CODES, macs())
        .await
        .unwrap();
    assert_eq!(none, LinkCreation::OverCapacity);
}

async fn end(store: &dyn TokenStore, n: u8) {
    let link = found(store, n).await;
    let ended = store.end_link(&link, Ending::Denied(None), None, at(10));
    ended.await.unwrap();
}

pub(super) async fn many_at_once_stay_below_the_limit(fixture: &dyn Fixture) {
    let created = create_at_once(fixture, 5, new_link).await;
    let kept = created.iter().filter(|made| is_created(made)).count();
    assert_eq!(kept, 5);
    let refused = |made: &&LinkCreation| **made == LinkCreation::OverCapacity;
    assert_eq!(created.iter().filter(refused).count(), 15);
}

pub(super) async fn many_at_once_share_no_code(fixture: &dyn Fixture) {
    let same_code = |n| NewLink {
        code: code(0),
        ..new_link(n)
    };
    let created = create_at_once(fixture, PLENTY, same_code).await;
    assert_eq!(created.iter().filter(|made| is_created(made)).count(), 1);
    let taken = |made: &&LinkCreation| **made == LinkCreation::CodeTaken;
    assert_eq!(created.iter().filter(taken).count(), 19);
}

async fn create_at_once(
    fixture: &dyn Fixture,
    most_open: u64,
    link: impl Fn(u8) -> NewLink,
) -> Vec<LinkCreation> {
    let mut tasks = JoinSet::new();
    for n in 1..=20 {
        let (store, link) = (fixture.store(), link(n));
        tasks.spawn(async move {
            store
                .create_link(link, most_open, CODES, macs())
                .await
                .unwrap()
        });
    }
    tasks.join_all().await
}

fn is_created(made: &LinkCreation) -> bool {
    matches!(made, LinkCreation::Created(_))
}

pub(super) async fn a_network_gets_so_many_codes(fixture: &dyn Fixture) {
    let store = fixture.store();
    let create = async |number: u64, from: u8, now: u64| {
        let link = link_from(number, from, now);
        let created = store.create_link(link, PLENTY, CODES, macs());
        created.await.unwrap()
    };
    for number in 0..CodeLimit::PER_NETWORK {
        assert!(is_created(&create(number, 1, number).await));
    }
    let refused = LinkCreation::TooManyCodes(secs(200));
    assert_eq!(create(400, 1, 400).await, refused);
    assert!(is_created(&create(400, 2, 400).await));
    assert!(is_created(&create(600, 1, 600).await));
    let refused = LinkCreation::TooManyCodes(secs(1));
    assert_eq!(create(601, 1, 600).await, refused);
}

pub(super) async fn codes_of_a_clock_that_was_ahead_lock_no_network_out(fixture: &dyn Fixture) {
    let store = fixture.store();
    let create = async |number: u64, now: u64| {
        let link = link_from(number, 1, now);
        let created = store.create_link(link, PLENTY, CODES, macs());
        created.await.unwrap()
    };
    for number in 0..CodeLimit::PER_NETWORK {
        assert!(is_created(&create(number, 7200).await));
    }
    assert!(!is_created(&create(400, 7200).await));
    assert!(is_created(&create(400, 0).await));
    // A small step does not lift the limit.
    assert!(!is_created(&create(401, 7100).await));
}

pub(super) async fn a_network_gets_fewer_codes_in_a_crowd(fixture: &dyn Fixture) {
    let store = fixture.store();
    let mut limit = CODES;
    limit.load_threshold = CodeLimit::PER_NETWORK_UNDER_LOAD + 5;
    let create = async |number: u64, from: u8, now: u64| {
        let link = link_from(number, from, now);
        store
            .create_link(link, PLENTY, limit, macs())
            .await
            .unwrap()
    };
    for number in 0..CodeLimit::PER_NETWORK_UNDER_LOAD + 5 {
        assert!(is_created(&create(number, 1, 0).await));
    }
    let refused = LinkCreation::TooManyCodes(LIFETIME);
    assert_eq!(create(100, 1, 0).await, refused);
    for number in 0..CodeLimit::PER_NETWORK_UNDER_LOAD {
        assert!(is_created(&create(number, 2, 0).await));
    }
    assert_eq!(create(100, 2, 0).await, refused);
    for number in 0..CodeLimit::PER_NETWORK_UNDER_LOAD {
        assert!(is_created(&create(number, 3, 0).await));
    }
    let one = store.find_link(&link_from(0, 3, 0).code).await.unwrap();
    let one = begin(&*store, &one.unwrap(), 5).await;
    complete(&*store, &one, grant("ada", "one"), 0)
        .await
        .unwrap();
    // A code that led to an account does not count in a crowd.
    assert!(is_created(&create(100, 3, 0).await));
    assert_eq!(create(101, 3, 0).await, refused);
    // The open links have expired.
    assert!(is_created(&create(100, 1, 600).await));
}

fn link_from(number: u64, from: u8, now: u64) -> NewLink {
    let mut bytes = [from; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    NewLink {
        code: KeyedHash::from_bytes(bytes),
        key: NewLinkKey::New(InertKey::owner(KeyedHash::from_bytes(bytes))),
        network: Some(network(from)),
        created_at: at(now),
        expires_at: at(now) + LIFETIME,
        ..new_link(1)
    }
}
