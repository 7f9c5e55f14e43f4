//! Refreshes while the store cannot save what the provider returns.

use central_oauth_domain::ports::WriteTestStore as _;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn tokens_outlive_a_store_that_is_away() {
    let stage = Stage::new().await;
    stage.store.refuse_recordings(3);
    stage.refreshes.refresh(stage.request().await, SOON).await;
    let stored = stage.stored().await;
    assert_eq!(
        (stored.generation, stored.lease.until),
        (Generation(2), None)
    );
    assert_eq!(stage.provider.presented(), ["refresh"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_holds_no_permit_at_the_provider() {
    let stage = Stage::new().await;
    stage.store.be_damaged(true);
    let request = stage.request().await;
    let permits = stage.refreshes.0.scheduler.permits_at(&request.provider);
    let free = async {
        while permits.available_permits() < MOST_PER_PROVIDER {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let refreshing = stage.refreshes.refresh(request, SOON);
    tokio::select! {
        () = refreshing => panic!("nothing was waited for"),
        () = async { stage.presented().await; timeout(SOON, free).await.unwrap() } => {}
    }
    assert_eq!(stage.stored().await.generation, Generation(1));
    // The tokens are saved once the row is repaired.
    stage.store.be_damaged(false);
    assert!(stage.refreshes.clone().finish(SOON).await);
    assert_eq!(stage.stored().await.generation, Generation(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_cannot_be_saved_are_logged_at_the_end() {
    let stage = Stage::new().await;
    stage.store.refuse_recordings(u32::MAX);
    let limit = Duration::from_millis(100);
    stage.refreshes.refresh(stage.request().await, limit).await;
    assert!(!stage.refreshes.clone().finish(limit).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_lapses_over_tokens_in_hand_is_not_presented_again() {
    let stage = Stage::new().await;
    let (stop, stopped) = watch::channel(false);
    // Simulates a suspension of the machine: the provider has responded, the store is unavailable, and the clock
    // advances.
    stage.store.refuse_recordings(u32::MAX);
    let request = stage.request().await;
    tokio::select! {
        () = stage.refreshes.refresh(request, SOON) => panic!("nothing was waited for"),
        () = stage.presented() => {}
    }
    assert_eq!(stage.provider.presented(), ["refresh"]);
    stage.clock.advance(Duration::from_secs(3590));
    let scheduler = tokio::spawn(stage.refreshes.clone().schedule(stopped));
    // The store stays unavailable for two seconds of attempts, long enough for another claim.
    stage.store.refuse_recordings(4);
    let saved = async {
        while stage.stored().await.generation == Generation::FIRST {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(3 * SOON, saved).await.unwrap();
    stop.send_replace(true);
    scheduler.await.unwrap();
    assert!(stage.refreshes.clone().finish(SOON).await);
    let presented = stage.provider.presented();
    let refresh_again = presented.iter().filter(|token| *token == "refresh");
    assert_eq!(refresh_again.count(), 1, "{presented:?}");
    assert_eq!(stage.stored().await.lease.until, None);
}

/// If the lease expired, another process would claim the account and send the old refresh token.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_over_tokens_in_hand_is_held_until_they_are_saved() {
    let stage = Stage::new().await;
    stage.store.refuse_recordings(u32::MAX);
    let request = stage.request().await;
    tokio::select! {
        () = stage.refreshes.refresh(request, SOON) => panic!("nothing was waited for"),
        () = stage.presented() => {}
    }
    stage.clock.advance(Duration::from_secs(3590));
    let newer = stage.claimed_elsewhere().await;
    let permits = stage
        .refreshes
        .0
        .scheduler
        .permits_at(Refreshes::provider(&newer));
    let permit = permits.try_acquire_owned().unwrap();
    assert!(stage.refreshes.start(&newer, permit), "it is at work");
    stage.store.refuse_recordings(1);
    assert!(stage.refreshes.clone().finish(SOON).await);
    assert_eq!(stage.provider.presented(), ["refresh"]);
    let stored = stage.stored().await;
    assert_eq!(stored.generation, Generation(2));
    assert_eq!(stored.lease.until, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_presented_after_a_failed_write_until_tokens_fit() {
    let stage = Stage::new().await;
    stage.store.be_full(true);
    let tested = stage.store.test_write(Some(Duration::ZERO)).await;
    tested.unwrap_err();
    let request = stage.request().await;
    // A claim would still fit on the full disk. Neither this request nor the scheduler may claim the account.
    stage.refreshes.refresh(request.clone(), SOON).await;
    stage.clock.advance(Duration::from_secs(3590));
    let (stop, stopped) = watch::channel(false);
    let scheduler = tokio::spawn(stage.refreshes.clone().schedule(stopped));
    sleep(Duration::from_millis(300)).await;
    assert!(stage.provider.presented().is_empty());
    assert_eq!(stage.stored().await.lease.until, None, "nothing is claimed");
    stage.store.be_full(false);
    let refreshed = async {
        while stage.stored().await.generation == Generation::FIRST {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, refreshed).await.unwrap();
    stop.send_replace(true);
    scheduler.await.unwrap();
    assert!(stage.refreshes.clone().finish(SOON).await);
}

/// Another write may fail between the claim of an account and the request to its provider.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_claimed_is_not_presented_after_a_failed_write() {
    let stage = Stage::new().await;
    let request = stage.request().await;
    let refresher = &stage.refreshes.0.refresher;
    let Ok(Claim::Mine(lease)) = refresher.claim(&request).await else {
        panic!("nothing was claimed");
    };
    stage.store.be_full(true);
    let tested = stage.store.test_write(Some(Duration::ZERO)).await;
    tested.unwrap_err();
    let result = refresher.attempt(&lease).await;
    assert!(matches!(result, RefreshResult::Unsent), "{result:?}");
    assert!(stage.provider.presented().is_empty());
}

/// When the store is available again, the lease of a process with an unsaved response has expired. That process needs a
/// moment to save the response.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_failure_of_the_store_responses_are_saved_before_anything_is_claimed() {
    let stage = Stage::new().await;
    stage.store.refuse_recordings(u32::MAX);
    let request = stage.request().await;
    tokio::select! {
        () = stage.refreshes.refresh(request, SOON) => panic!("nothing was waited for"),
        () = stage.presented() => {}
    }
    stage.store.be_full(true);
    let tested = stage.store.test_write(Some(Duration::ZERO)).await;
    tested.unwrap_err();
    stage.clock.advance(Duration::from_secs(3590));
    let (stop, stopped) = watch::channel(false);
    let scheduler = tokio::spawn(stage.elsewhere.clone().schedule(stopped));
    let noticed = async {
        while stage.elsewhere.0.scheduler.held_back().is_none() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, noticed).await.unwrap();
    stage.store.be_full(false);
    stage.store.refuse_recordings(2);
    let saved = async {
        while stage.stored().await.generation == Generation::FIRST {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, saved).await.unwrap();
    stop.send_replace(true);
    scheduler.await.unwrap();
    let presented = stage.provider.presented();
    let refresh_again = presented.iter().filter(|token| *token == "refresh");
    assert_eq!(refresh_again.count(), 1, "{presented:?}");
}
