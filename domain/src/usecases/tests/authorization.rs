//! Who may do what.

use super::*;
use crate::ports::ProviderError;
use crate::usecases::AccountQuery;

#[tokio::test]
async fn tokens_are_for_access_keys_of_linked_accounts() {
    let stage = Stage::new().await;
    let (_, pending) = stage.started().await;
    let token = async |caller: Caller| stage.tokens.hand_out(&caller, secs(0), HOME).await;
    assert!(matches!(
        token(Caller::Nobody).await,
        Err(Refusal::Unauthorized(_))
    ));
    assert!(matches!(
        token(Caller::ADMIN).await,
        Err(Refusal::Forbidden(_))
    ));
    assert!(matches!(
        token(stage.caller(&pending).await).await,
        Err(Refusal::LinkPending)
    ));
    let unknown = stage
        .keys
        .authenticate(Some(&AccessKey::new("coak_unknown")), address(9))
        .await;
    assert!(matches!(unknown, Err(Refusal::Unauthorized(_))));
    let (_, key) = stage.linked().await;
    let handed = token(stage.caller(&key).await).await.unwrap();
    assert_eq!(handed.access_token.expose(), "access-1");
    assert_eq!(handed.account.scopes, ["profile"]);
}

#[tokio::test]
async fn a_token_that_will_not_last_comes_with_a_warning_and_an_expired_one_not_at_all() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let token = async |min_ttl| {
        let caller = stage.caller(&key).await;
        stage.tokens.hand_out(&caller, secs(min_ttl), HOME).await
    };
    // The lifetime of an hour begins when the token request was sent, and no time has passed since.
    assert_eq!(token(0).await.unwrap().expires_in, Some(secs(3600)));
    assert!(token(3600).await.unwrap().warning.is_none());
    assert_eq!(
        token(3601).await.unwrap().warning.unwrap().code,
        "min_ttl_unmet".into()
    );
    stage.clock.advance(secs(3600));
    let over = ProviderError::refused("invalid_grant", "no");
    stage.provider.answer_refresh(Err(over.into()));
    assert!(matches!(token(0).await, Err(Refusal::RelinkRequired(_))));
}

#[tokio::test]
async fn an_access_key_sees_its_own_account_and_the_admin_all() {
    let stage = Stage::new().await;
    let (_, alice) = stage.linked().await;
    stage
        .provider
        .answer_identify(Ok(ScriptedProvider::person("bob")));
    let (_, bob) = stage.linked().await;
    let (alice, bob) = (stage.caller(&alice).await, stage.caller(&bob).await);
    let own = stage
        .accounts
        .list(&bob, AccountQuery::default(), None, 50)
        .await
        .unwrap()
        .items;
    assert_eq!(own.len(), 1);
    let hidden = stage.accounts.get(&alice, own[0].id).await;
    assert!(matches!(hidden, Err(Refusal::NotFound(_))));

    let admin = stage.caller(&AccessKey::new(ADMIN)).await;
    let first = stage
        .accounts
        .list(&admin, AccountQuery::default(), None, 1)
        .await
        .unwrap();
    assert_eq!(first.items.len(), 1);
    let rest = stage
        .accounts
        .list(&admin, AccountQuery::default(), first.next, 1)
        .await
        .unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    let nobody = stage
        .accounts
        .list(&Caller::Nobody, AccountQuery::default(), None, 1)
        .await;
    assert!(matches!(nobody, Err(Refusal::Unauthorized(_))));
}

#[tokio::test]
async fn readiness_opens_the_hash_key() {
    let stage = Stage::new().await;
    assert!(stage.readiness.check().await.is_ok());
}

#[tokio::test]
async fn a_store_that_takes_no_writes_is_not_ready() {
    let stage = Stage::new().await;
    stage.store.be_full(true);
    let full = stage.readiness.check().await.unwrap_err();
    assert_eq!(full.to_string(), "the store is unavailable");
    stage.store.be_full(false);
    assert!(stage.readiness.check().await.is_ok());
}
