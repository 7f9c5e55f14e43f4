//! Workloads, and their single-use tokens.

use central_oauth_domain::audit::Actor;
use central_oauth_domain::grant::{AccessKeyId, AccountId, KeyBinding, KeyRole, NewKey};
use central_oauth_domain::ports::{
    Descendants, KeyCreation, LinkCreation, LinkingWorkload, NewLink, SingleUse, TokenStore,
};
use central_oauth_domain::secret::KeyedHash;
use central_oauth_domain::workload::{ClaimList, NewWorkload, WorkloadBinding};

use super::Fixture;
use super::samples::*;

fn hash(kind: u8, n: u8) -> KeyedHash {
    let mut bytes = [n; 32];
    bytes[20] = kind;
    KeyedHash::from_bytes(bytes)
}

fn workload(n: u8) -> NewWorkload {
    let claims = [
        ("repository_id".to_owned(), n.to_string()),
        ("owner".to_owned(), "ö = 1".to_owned()),
    ];
    NewWorkload {
        binding: WorkloadBinding {
            workload: "nightly".to_owned(),
            issuer: "https://issuer.example".to_owned(),
            claims: claims.into_iter().collect(),
        },
        identity: hash(1, n),
        mac: hash(2, n),
    }
}

/// Returns a further key of an account, with which workload `n` acts.
fn key_of(n: u8, account: AccountId) -> NewKey {
    NewKey {
        workload: Some(workload(n)),
        ..new_key(n, account)
    }
}

/// Returns a link that a workload requests with token `token`.
fn link_of(n: u8, token: u8) -> NewLink {
    let mut link = new_link(n);
    let facts = [("repository", "octo/app"), ("run", "1658")];
    link.requester.workload = Some(facts.into_iter().collect::<ClaimList>());
    link.workload = Some(LinkingWorkload {
        token: SingleUse {
            hash: hash(3, token),
            expires_at: at(u64::from(token)),
        },
        binding: Some(workload(n)),
    });
    link
}

async fn create(store: &dyn TokenStore, link: NewLink) -> LinkCreation {
    store
        .create_link(link, PLENTY, CODES, macs())
        .await
        .unwrap()
}

pub(super) async fn one_is_found_by_its_identity(fixture: &dyn Fixture) {
    let store = fixture.store();
    let LinkCreation::Created(link) = create(&*store, link_of(1, 1)).await else {
        panic!("not kept");
    };
    create(&*store, link_of(2, 2)).await;
    let found = store.find_workloads(&hash(1, 1), at(20)).await.unwrap();
    let [grant] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(grant.binding, workload(1).binding);
    assert_eq!((grant.mac, grant.key.hash), (hash(2, 1), key(1)));
    assert!(macs().is_genuine(&grant.key));
    assert_eq!(grant.key.id, link.key);
    assert_eq!(grant.key.role, KeyRole::Owner);
    let shown = link.requester.workload.as_ref().unwrap();
    assert_eq!(shown.get("run"), Some("1658"));
    assert_eq!(grant.key.binding, KeyBinding::Link(link));
    let found = store.find_workloads(&hash(1, 3), at(20)).await;
    assert!(found.unwrap().is_empty());
}

pub(super) async fn one_that_has_expired_is_not_found(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    for (n, expires_at) in [(2, Some(at(20))), (3, Some(at(21))), (4, None)] {
        let made = NewKey {
            workload: Some(workload(2)),
            expires_at,
            ..new_key(n, ada.id)
        };
        let made = store.create_key(made, PLENTY, macs(), draft(Actor::ADMIN));
        made.await.unwrap();
    }
    let found = store.find_workloads(&hash(1, 2), at(20)).await.unwrap();
    let found: Vec<_> = found.iter().map(|access| access.key.hash).collect();
    assert_eq!(found, [key(3), key(4)]);
}

pub(super) async fn a_token_works_once(fixture: &dyn Fixture) {
    let store = fixture.store();
    create(&*store, link_of(1, 1)).await;
    assert_eq!(
        create(&*store, link_of(2, 1)).await,
        LinkCreation::TokenUsed
    );
    assert!(
        store.find_link(&code(2)).await.unwrap().is_none(),
        "nothing is left of it"
    );
    let found = store.find_workloads(&hash(1, 2), at(20)).await;
    assert!(found.unwrap().is_empty());
    // If the code is taken, the token is not used up: another code is tried.
    let taken = NewLink {
        code: code(1),
        ..link_of(3, 3)
    };
    assert_eq!(create(&*store, taken).await, LinkCreation::CodeTaken);
    let created = create(&*store, link_of(3, 3)).await;
    assert!(matches!(created, LinkCreation::Created(_)));
}

pub(super) async fn of_many_at_once_one_uses_a_token(fixture: &dyn Fixture) {
    let mut tasks = tokio::task::JoinSet::new();
    for n in 1..=20 {
        let store = fixture.store();
        tasks.spawn(async move { create(&*store, link_of(n, 1)).await });
    }
    let made = tasks.join_all().await;
    let used = made.iter().filter(|made| **made == LinkCreation::TokenUsed);
    assert_eq!(used.count(), 19);
}

pub(super) async fn expired_tokens_are_forgotten(fixture: &dyn Fixture) {
    let store = fixture.store();
    for n in 1..=3 {
        create(&*store, link_of(n, n)).await;
    }
    assert_eq!(store.purge_used_tokens(at(3), 1).await.unwrap(), 1);
    assert_eq!(store.purge_used_tokens(at(3), 10).await.unwrap(), 1);
    assert_eq!(
        create(&*store, link_of(4, 3)).await,
        LinkCreation::TokenUsed
    );
    let created = create(&*store, link_of(4, 1)).await;
    assert!(matches!(created, LinkCreation::Created(_)));
}

pub(super) async fn an_account_s_workloads_come_and_go(fixture: &dyn Fixture) {
    let store = fixture.store();
    let ada = linked(&*store, 1, grant("ada", "one"), 10).await;
    let bob = linked(&*store, 2, grant("bob", "two"), 10).await;
    let mut ids = Vec::new();
    for n in 3..=5 {
        let made = store.create_key(key_of(n, ada.id), PLENTY, macs(), draft(Actor::ADMIN));
        match made.await.unwrap() {
            KeyCreation::Created(record) => ids.push(record.id),
            KeyCreation::Full => panic!("not kept"),
        }
    }
    let full = store.create_key(key_of(6, ada.id), 4, macs(), draft(Actor::ADMIN));
    assert_eq!(full.await.unwrap(), KeyCreation::Full);
    let first = store.workloads(ada.id, None, 2).await.unwrap();
    let rest = store.workloads(ada.id, Some(first[1].id), 2).await.unwrap();
    let listed: Vec<AccessKeyId> = first.iter().chain(&rest).map(|it| it.id).collect();
    assert_eq!(listed, ids);
    assert_eq!(first[0].binding, workload(3).binding);
    assert_eq!(first[0].role, KeyRole::Reader);
    assert_eq!(first[0].expires_at, Some(at(9000)));
    assert!(store.workloads(bob.id, None, 9).await.unwrap().is_empty());
    assert!(store.is_workload(ada.id, ids[0]).await.unwrap());
    assert!(!store.is_workload(bob.id, ids[0]).await.unwrap());
    let own = store.keys(ada.id, None, 1).await.unwrap();
    assert!(
        !store.is_workload(ada.id, own[0].id).await.unwrap(),
        "a key that somebody holds"
    );
    let grants = store.find_workloads(&hash(1, 3), at(20)).await.unwrap();
    assert_eq!(grants[0].key.binding.account(), Some(ada.id));
    assert!(macs().is_genuine(&grants[0].key));
    // A workload is deleted with its key.
    let gone = store.delete_key(ada.id, ids[0], Descendants::Kept, draft(Actor::ADMIN));
    assert_eq!(gone.await.unwrap(), [ids[0]]);
    let found = store.find_workloads(&hash(1, 3), at(20)).await;
    assert!(found.unwrap().is_empty());
    assert_eq!(store.workloads(ada.id, None, 9).await.unwrap().len(), 2);
}
