//! Asking for a code.

use crate::usecases::tests::*;

#[tokio::test]
async fn a_code_has_eight_digits_and_a_key_of_its_own() {
    let stage = Stage::new().await;
    let link = stage.link_for(&Caller::Nobody).await.unwrap();
    assert_eq!(link.code.digits().len(), 8);
    assert_eq!(link.expires_in, secs(600));
    let key = link.access_key.unwrap();
    assert!(key.expose().starts_with(AccessKey::PREFIX));
    assert!(key.expose().len() > 40);
}

#[tokio::test]
async fn codes_are_longer_while_somebody_guesses() {
    let stage = Stage::new().await;
    for n in 0..=50 {
        let wrong = stage.links.poll("00000000", &Caller::Nobody, address(n));
        assert!(matches!(wrong.await, Err(Refusal::NotFound(_))));
    }
    let link = stage.link_for(&Caller::Nobody).await.unwrap();
    assert_eq!(link.code.digits().len(), 9);
    stage.confirm(link.code.digits()).await.unwrap();
    stage.clock.advance(secs(600));
    let link = stage.link_for(&Caller::Nobody).await.unwrap();
    assert_eq!(link.code.digits().len(), 8);
}

#[tokio::test]
async fn an_enrolment_key_is_demanded_where_one_is_set() {
    let stage = Stage::with_enroll_key(Some("let-this-client-in")).await;
    assert!(matches!(
        stage.link_for(&Caller::Nobody).await,
        Err(Refusal::EnrollKeyRequired)
    ));
    let enroller = stage.caller(&AccessKey::new("let-this-client-in")).await;
    assert!(stage.link_for(&enroller).await.is_ok());
}

#[tokio::test]
async fn new_accounts_are_linked_from_the_networks_that_may() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let settings = Settings {
        enroll_networks: vec!["10.0.0.0/8".parse().unwrap()],
        ..settings()
    };
    let services = services(&stage.ports, &settings);
    let ask = async |caller: &Caller, address: Option<&str>| {
        let request = LinkRequest {
            address: address.map(|address| address.parse().unwrap()),
            ..LinkRequest::default()
        };
        services.links.start(caller, request).await.map(drop)
    };
    for caller in [Caller::Nobody, Caller::ENROLLER, Caller::ADMIN] {
        for address in ["10.1.2.3", "::ffff:10.1.2.3"] {
            assert!(ask(&caller, Some(address)).await.is_ok(), "{address}");
        }
        for address in [Some("192.0.2.7"), Some("2001:db8::1"), None] {
            let refused = ask(&caller, address).await;
            assert!(
                matches!(refused, Err(Refusal::EnrollNetwork(_))),
                "{address:?}"
            );
        }
    }
    // A relink creates no new account, so the enrolment networks do not apply to it.
    let caller = stage.caller(&key).await;
    assert!(ask(&caller, Some("192.0.2.7")).await.is_ok());
}

#[tokio::test]
async fn an_unknown_provider_is_answered_with_those_that_exist() {
    let stage = Stage::new().await;
    let request = LinkRequest {
        provider: Some("two".to_owned()),
        ..LinkRequest::default()
    };
    let refused = stage.links.start(&Caller::Nobody, request).await;
    assert!(matches!(refused, Err(Refusal::Unprocessable(detail)) if detail.contains("one")));
}

#[tokio::test]
async fn names_that_could_deceive_the_person_are_refused() {
    let stage = Stage::new().await;
    for name in [
        "a\nb",
        "right\u{202e}left",
        "G\u{456}tHub",
        &"x".repeat(101),
    ] {
        let requester = Requester {
            client_name: Some(name.to_owned()),
            ..Requester::default()
        };
        let request = LinkRequest {
            provider: None,
            requester,
            ..LinkRequest::default()
        };
        let refused = stage.links.start(&Caller::Nobody, request).await;
        assert!(
            matches!(refused, Err(Refusal::Unprocessable(_))),
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn a_key_relinks_its_own_account_and_gets_no_second_key() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let relink = stage.link_for(&stage.caller(&key).await).await.unwrap();
    assert!(relink.access_key.is_none());
    stage.confirm(relink.code.digits()).await.unwrap();
    stage.grants("access-2");
    stage.poll_providers().await;
    let status = stage.status(relink.code.digits(), &key).await;
    assert!(matches!(status, LinkStatus::Linked(_)));
    let token = stage
        .tokens
        .hand_out(&stage.caller(&key).await, secs(0), HOME)
        .await
        .unwrap();
    assert_eq!(token.access_token.expose(), "access-2");
}

#[tokio::test]
async fn a_key_without_an_account_cannot_relink() {
    let stage = Stage::new().await;
    let (_, key) = stage.started().await;
    let refused = stage.link_for(&stage.caller(&key).await).await;
    assert!(matches!(refused, Err(Refusal::LinkPending)));
}
