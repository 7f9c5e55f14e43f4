//! Several operators, each with a key.

use super::*;
use crate::usecases::AccountQuery;

fn key(name: &str, role: OperatorRole) -> OperatorKey {
    OperatorKey {
        name: OperatorName::new(name).unwrap(),
        role,
        key: AccessKey::new(format!("the-key-of-{name}")),
    }
}

async fn caller(stage: &Stage, name: &str) -> Result<Caller, Refusal> {
    let key = AccessKey::new(format!("the-key-of-{name}"));
    stage.keys.authenticate(Some(&key), address(9)).await
}

#[tokio::test]
async fn each_key_has_its_role_and_all_can_be_replaced() {
    let stage = Stage::new().await;
    let all = [
        key("alice", OperatorRole::Admin),
        key("bob", OperatorRole::Admin),
        key("carol", OperatorRole::Auditor),
        key("dave", OperatorRole::Enroll),
    ];
    assert!(stage.link_for(&Caller::Nobody).await.is_ok());
    stage.operators.replace(&all).unwrap();
    for admin in ["alice", "bob"] {
        assert!(matches!(caller(&stage, admin).await, Ok(Caller::Admin(_))));
    }
    assert!(matches!(
        caller(&stage, "carol").await,
        Ok(Caller::Auditor(_))
    ));
    assert!(matches!(
        caller(&stage, "dave").await,
        Ok(Caller::Enroller(_))
    ));
    // Now there is an enrolment key, so a caller without a key gets no link code.
    let refused = stage.link_for(&Caller::Nobody).await.err();
    assert!(matches!(refused, Some(Refusal::EnrollKeyRequired)));
    let replaced = AccessKey::new(ADMIN);
    let refused = stage.keys.authenticate(Some(&replaced), address(9)).await;
    assert!(matches!(refused, Err(Refusal::Unauthorized(_))));
    // Removing the last enrolment key is refused, because then everybody could link accounts.
    for without in [&all[1..3], &[]] {
        stage.operators.replace(without).unwrap_err();
        assert!(matches!(
            caller(&stage, "dave").await,
            Ok(Caller::Enroller(_))
        ));
    }
    let next = [
        key("bob", OperatorRole::Admin),
        key("erin", OperatorRole::Enroll),
    ];
    stage.operators.replace(&next).unwrap();
    assert!(matches!(caller(&stage, "bob").await, Ok(Caller::Admin(_))));
    for gone in ["alice", "dave"] {
        assert!(caller(&stage, gone).await.is_err(), "{gone}");
    }
    let refused = stage.link_for(&Caller::Nobody).await.err();
    assert!(matches!(refused, Some(Refusal::EnrollKeyRequired)));
    stage.operators.replace(&next[1..]).unwrap();
    assert!(caller(&stage, "bob").await.is_err());
}

#[tokio::test]
async fn an_auditor_reads_what_an_admin_reads_and_changes_nothing() {
    let stage = Stage::new().await;
    stage
        .operators
        .replace(&[key("carol", OperatorRole::Auditor)])
        .unwrap();
    stage.linked().await;
    let (carol, id) = (
        caller(&stage, "carol").await.unwrap(),
        stage.last_account().await,
    );
    assert_eq!(
        stage
            .accounts
            .list(&carol, AccountQuery::default(), None, 9)
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    assert!(stage.accounts.get(&carol, id).await.is_ok());
    assert!(stage.revoker.list(&carol, None, 9).await.is_ok());
    let keys = stage.keys.list(&carol, id, None, 9).await.unwrap().items;
    let request = crate::usecases::KeyRequest {
        name: "x".to_owned(),
        expires_at: None,
        limits: crate::grant::KeyLimits::default(),
    };
    let refused = [
        stage.accounts.refresh(&carol, id, HOME).await.err(),
        stage.accounts.delete(&carol, id, HOME).await.err(),
        stage.keys.create(&carol, id, request, HOME).await.err(),
        stage
            .keys
            .delete(&carol, id, keys[0].id, Descendants::Kept, HOME)
            .await
            .err(),
        stage.link_for(&carol).await.err(),
        stage.tokens.hand_out(&carol, secs(0), HOME).await.err(),
    ];
    for refusal in refused {
        assert!(
            matches!(refusal, Some(Refusal::Forbidden(_))),
            "{refusal:?}"
        );
    }
}
