//! A restored backup.

use crate::grant::AccountStatus;
use crate::ports::ProviderError;
use crate::usecases::after_restore;
use crate::usecases::tests::*;

async fn restored(stage: &Stage) -> u64 {
    let store = stage.store.as_ref();
    let doubted = after_restore(store, &stage.clock, &seeded_entropy(5)).await;
    doubted.unwrap()
}

#[tokio::test]
async fn the_access_token_serves_and_the_refresh_token_is_not_hurried() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let caller = stage.caller(&key).await;
    let before = stage
        .tokens
        .hand_out(&caller, Duration::ZERO, HOME)
        .await
        .unwrap();
    assert_eq!(restored(&stage).await, 1);
    let handed = stage
        .tokens
        .hand_out(&caller, Duration::ZERO, HOME)
        .await
        .unwrap();
    assert_eq!(handed.account.status, AccountStatus::Degraded);
    assert_eq!(
        handed.account.last_error.unwrap().code,
        "restored_from_backup".into()
    );
    assert!(handed.account.next_refresh_at >= before.account.next_refresh_at);
}

#[tokio::test]
async fn an_old_refresh_token_is_told_as_such() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let caller = stage.caller(&key).await;
    restored(&stage).await;
    let refused = ProviderError::refused("invalid_grant", String::new());
    stage.provider.answer_refresh(Err(refused.into()));
    let id = stage.last_account().await;
    let refused = stage.accounts.refresh(&caller, id, HOME).await;
    let Err(Refusal::RelinkRequired(fault)) = refused else {
        panic!("{refused:?}");
    };
    assert!(fault.detail.contains("restored from a backup"));
}
