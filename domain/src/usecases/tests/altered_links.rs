//! Somebody who can write to the database but has no secret key makes links and accounts lead to another person.

use super::altered_rows::{alice_and_eve, consent, fault};
use super::*;
use crate::fault::FaultCode;
use crate::grant::{Identity, KeyLimits};
use crate::usecases::KeyRequest;

#[tokio::test]
async fn a_new_link_that_was_made_a_relink_of_another_account_opens_nothing() {
    let stage = Stage::new().await;
    // The provider identifies nobody, so nothing else tells Alice from Eve.
    stage.provider.answer_identify(Ok(Identity::Unknown));
    stage.linked().await;
    let alice = stage.last_account().await;
    let (code, key) = stage.started().await;
    let link = stage.stored_link(&code).await;
    stage.store.replace_link(Link {
        relink_of: Some(alice),
        ..link
    });
    consent(&stage, &code, Identity::Unknown).await;
    assert_eq!(fault(&stage, &code).await, FaultCode::KeyAltered);
    let refused = stage.keys.authenticate(Some(&key), address(9)).await;
    assert!(matches!(refused, Err(Refusal::Unauthorized(_))));
}

#[tokio::test]
async fn another_person_is_no_owner_of_an_account_that_was_marked_as_anonymous() {
    let (stage, alice, ..) = alice_and_eve().await;
    let started = stage.links.start_relink(&Caller::ADMIN, alice, HOME).await;
    let code = started.unwrap().code.digits().to_owned();
    stage.store.forget_identity(alice);
    consent(&stage, &code, ScriptedProvider::person("eve")).await;
    assert_eq!(fault(&stage, &code).await, FaultCode::AccountMismatch);
}

#[tokio::test]
async fn a_key_reads_no_token_of_a_person_who_took_the_number_of_its_account() {
    let (stage, alice, eve, key) = alice_and_eve().await;
    // The rows change after the key was read, but before the tokens are read.
    let caller = stage.caller(&key).await;
    stage.store.swap_people(alice, eve);
    for min_ttl in [0, 3000, 100_000] {
        let handed = stage.tokens.hand_out(&caller, secs(min_ttl), HOME).await;
        assert!(matches!(handed, Err(Refusal::Unauthorized(_))), "{min_ttl}");
    }
}

#[tokio::test]
async fn a_key_makes_none_for_a_person_who_took_the_number_of_its_account() {
    let (stage, alice, eve, key) = alice_and_eve().await;
    let caller = stage.caller(&key).await;
    stage.store.swap_people(alice, eve);
    let request = KeyRequest {
        name: "reader".to_owned(),
        expires_at: None,
        limits: KeyLimits::default(),
    };
    let made = stage.keys.create(&caller, eve, request, HOME).await;
    assert!(matches!(made, Err(Refusal::NotFound(_))));
}
