//! Somebody who can write to the database but has no secret key gains nothing.

use super::*;
use crate::fault::FaultCode;
use crate::grant::{AccessKeyId, Identity, KeyBinding};
use crate::link::LinkState;
use crate::ports::{KeyStore, SealStore};
use crate::usecases::add_key_macs;
use crate::vault::Vault;

/// Consents to a link. The tokens include no refresh token, so an existing account keeps its refresh token.
pub(super) async fn consent(stage: &Stage, code: &str, whose: Identity) {
    stage.provider.answer_identify(Ok(whose));
    stage.confirm(code).await.unwrap();
    stage.grants("eves");
    stage.poll_providers().await;
}

pub(super) async fn fault(stage: &Stage, code: &str) -> FaultCode {
    let link = stage.stored_link(code).await;
    match link.status(stage.clock_now()) {
        LinkStatus::Failed(fault) => fault.code,
        other => panic!("not failed: {other:?}"),
    }
}

/// Links an account of Alice and one of Eve. Returns both accounts and the owner key of Eve's account.
pub(super) async fn alice_and_eve() -> (Stage, AccountId, AccountId, AccessKey) {
    let stage = Stage::new().await;
    stage.linked().await;
    let alice = stage.last_account().await;
    let eves = ScriptedProvider::person("eve");
    stage.provider.answer_identify(Ok(eves));
    let (_, key) = stage.linked().await;
    let eve = stage.last_account().await;
    (stage, alice, eve, key)
}

async fn id_of(stage: &Stage, key: &AccessKey) -> AccessKeyId {
    let hash = stage.ports.vault.hash_access_key(key);
    stage.store.find_key(&hash).await.unwrap().unwrap().id
}

async fn is_refused(stage: &Stage, key: &AccessKey) -> bool {
    let each = [
        stage.keys.recognise(Some(key), address(9)).await,
        stage.keys.authenticate(Some(key), address(9)).await,
        stage
            .keys
            .authenticate_for_token(Some(key), address(9))
            .await,
        // The repeated call may use the entry that the first one has cached.
        stage
            .keys
            .authenticate_for_token(Some(key), address(9))
            .await,
    ];
    let refused = each.map(|caller| matches!(caller, Err(Refusal::Unauthorized(_))));
    assert!(refused == [true; 4] || refused == [false; 4], "{refused:?}");
    refused[0]
}

#[tokio::test]
async fn a_key_that_was_pointed_at_another_account_is_refused() {
    let (stage, alice, _, key) = alice_and_eve().await;
    let id = id_of(&stage, &key).await;
    assert!(!is_refused(&stage, &key).await);
    stage.store.point_key_to(id, alice);
    stage.clock.advance(secs(1));
    assert!(is_refused(&stage, &key).await);
}

#[tokio::test]
async fn a_pending_key_that_was_pointed_at_an_account_is_refused() {
    let (stage, alice, ..) = alice_and_eve().await;
    let (code, key) = stage.started().await;
    let link = stage.stored_link(&code).await;
    // Somebody changes the row of the link so that the link seems complete, but leaves the key's row unchanged.
    let at = stage.clock_now();
    let state = LinkState::Linked { account: alice, at };
    stage.store.replace_link(Link {
        state,
        ..link.clone()
    });
    assert!(is_refused(&stage, &key).await);
    stage.store.replace_link(link.clone());
    assert!(!is_refused(&stage, &key).await);
    stage.store.point_key_to(link.key, alice);
    assert!(is_refused(&stage, &key).await);
}

#[tokio::test]
async fn a_link_that_was_pointed_at_another_account_tells_nothing_of_it() {
    let (stage, alice, ..) = alice_and_eve().await;
    stage
        .provider
        .answer_identify(Ok(ScriptedProvider::person("mallory")));
    let (code, key) = stage.linked().await;
    let link = stage.stored_link(&code).await;
    let at = stage.clock_now();
    let state = LinkState::Linked { account: alice, at };
    stage.store.replace_link(Link { state, ..link });
    let caller = stage.caller(&key).await;
    let polled = stage.links.poll(&code, &caller, address(9)).await;
    assert!(matches!(polled, Err(Refusal::Unauthorized(_))));
    let inspected = stage.links.inspect(&code, &caller).await;
    assert!(matches!(inspected, Err(Refusal::Unauthorized(_))));
}

#[tokio::test]
async fn a_link_that_was_given_to_another_key_fails_and_opens_nothing() {
    let (stage, _, _, eves) = alice_and_eve().await;
    let (code, bobs) = stage.started().await;
    let link = stage.stored_link(&code).await;
    let (own, key) = (link.key, id_of(&stage, &eves).await);
    stage.store.replace_link(Link { key, ..link });
    consent(&stage, &code, ScriptedProvider::person("bob")).await;
    assert_eq!(fault(&stage, &code).await, FaultCode::KeyAltered);
    assert_eq!(stage.store.accounts(None, 10).await.unwrap().len(), 2);
    // Bob's tokens are revoked, as for any failed link.
    assert_eq!(stage.revocations().await.len(), 1);
    assert!(!is_refused(&stage, &eves).await);
    let bobs = stage.ports.vault.hash_access_key(&bobs);
    assert!(
        stage
            .store
            .find_key(&bobs)
            .await
            .unwrap()
            .is_none_or(|key| key.id == own && !matches!(key.binding, KeyBinding::Account { .. }))
    );
}

#[tokio::test]
async fn keys_from_before_there_were_macs_get_theirs_once() {
    let (stage, alice, _, key) = alice_and_eve().await;
    let id = id_of(&stage, &key).await;
    let (_, pending) = stage.started().await;
    let (store, vault) = (stage.store.as_ref(), &stage.ports.vault);
    // Restores the state that an earlier version leaves: an unmarked hash key, and keys without MACs.
    let marked = store.hash_key().await.unwrap().unwrap();
    let unmarked = vault.unmark_rows_authenticated(&marked).unwrap().unwrap();
    assert!(store.replace_hash_key(&marked, &unmarked).await.unwrap());
    store.forget_macs();
    for key in [&key, &pending] {
        assert!(is_refused(&stage, key).await);
    }
    assert_eq!(add_key_macs(store, vault).await.unwrap(), 3);
    stage.clock.advance(secs(1));
    for key in [&key, &pending] {
        assert!(!is_refused(&stage, key).await);
    }
    // From now on, no key gets a MAC: neither a key whose MAC was deleted nor one that somebody has changed.
    store.forget_macs();
    store.point_key_to(id, alice);
    assert_eq!(add_key_macs(store, vault).await.unwrap(), 0);
    stage.clock.advance(secs(1));
    for key in [&key, &pending] {
        assert!(is_refused(&stage, key).await);
    }
}

#[tokio::test]
async fn the_mark_survives_a_change_of_the_secret_key() {
    let stage = Stage::new().await;
    stage.linked().await;
    let store = stage.store.as_ref();
    let both = Arc::new(FakeCipher::new(2).also_opening(&[1]));
    let sealed = store.hash_key().await.unwrap().unwrap();
    let vault = Vault::unlock(both, &sealed).unwrap();
    for is_marked in [true, false] {
        if !is_marked {
            let sealed = store.hash_key().await.unwrap().unwrap();
            let unmarked = vault.unmark_rows_authenticated(&sealed).unwrap().unwrap();
            store.replace_hash_key(&sealed, &unmarked).await.unwrap();
        }
        crate::usecases::rekey(store, &vault).await.unwrap();
        let sealed = store.hash_key().await.unwrap().unwrap();
        assert_eq!(sealed.seal_id(), Some(vault.current_seal_id()));
        let marked = vault.mark_rows_authenticated(&sealed).unwrap();
        assert_eq!(marked.is_none(), is_marked);
    }
}
