//! Wrong codes are counted in the store.

use crate::link::GuessLimit;
use crate::ports::StoreError;
use crate::usecases::tests::*;

/// Returns the result when a client at this address enters a code.
async fn guess(services: &Services, code: &str, from: u8) -> Result<LinkReport, Refusal> {
    services
        .links
        .poll(code, &Caller::Nobody, address(from))
        .await
}

async fn guess_wrong(services: &Services, from: u8) {
    let refused = guess(services, "00000000", from).await;
    assert!(matches!(refused, Err(Refusal::NotFound(_))));
}

fn is_limited<T>(tried: &Result<T, Refusal>) -> bool {
    matches!(tried, Err(Refusal::RateLimited(_)))
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let stage = Stage::new().await;
    for _ in 0..GuessLimit::PER_ADDRESS {
        guess_wrong(&stage.services, 9).await;
    }
    let restarted = stage.another_replica().await.services;
    assert!(is_limited(&guess(&restarted, "00000000", 9).await));
    guess_wrong(&restarted, 8).await;
}

#[tokio::test]
async fn services_on_one_store_bear_no_more_than_one() {
    let stage = Stage::new().await;
    let services = [
        stage.another_replica().await.services,
        stage.another_replica().await.services,
    ];
    for n in 0..GuessLimit::SERVICE_WIDE {
        guess_wrong(&services[n % 2], (n / GuessLimit::PER_ADDRESS) as u8).await;
    }
    for service in &services {
        assert!(is_limited(&guess(service, "00000000", 0).await));
    }
    // The wrong codes of other networks do not limit a new network before its first wrong code.
    guess_wrong(&services[0], 200).await;
    assert!(is_limited(&guess(&services[1], "00000000", 200).await));
}

#[tokio::test]
async fn guessers_do_not_keep_others_from_the_page() {
    let stage = Stage::new().await;
    let (code, _) = stage.started().await;
    for n in 0..GuessLimit::SERVICE_WIDE {
        guess_wrong(&stage.services, 100 + (n / GuessLimit::PER_ADDRESS) as u8).await;
    }
    let fresh = Visitor {
        browser: &stage.browser,
        address: address(7),
    };
    assert!(stage.consents.look_up(&code, &fresh).await.is_ok());
    assert!(stage.consents.confirm(&code, &fresh).await.is_ok());
}

#[tokio::test]
async fn right_codes_use_nothing_up() {
    let stage = Stage::new().await;
    let (code, _) = stage.started().await;
    for _ in 0..=GuessLimit::PER_ADDRESS {
        guess(&stage.services, &code, 1).await.unwrap();
        stage
            .consents
            .look_up(&code, &stage.visitor())
            .await
            .unwrap();
    }
    guess_wrong(&stage.services, 1).await;
}

/// If the service answered guesses that it cannot count, an attacker could guess without a limit while the store fails.
#[tokio::test]
async fn nobody_is_told_what_cannot_be_counted() {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    stage.store.refuse_guesses(3);
    for code in [&code, "00000000"] {
        let refused = guess(&stage.services, code, 9).await.map(drop);
        let away = Refusal::Store(StoreError::Unavailable("".into()));
        assert_eq!(refused.unwrap_err().to_string(), away.to_string());
    }
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Pending);
    assert!(stage.confirm(&code).await.is_err());
    // Once the store works again, the person can confirm the same code.
    stage.confirm(&code).await.unwrap();
    assert!(matches!(
        stage.status(&code, &key).await,
        LinkStatus::Authorizing
    ));
}

#[tokio::test]
async fn what_counts_no_more_is_forgotten() {
    let stage = Stage::new().await;
    for _ in 0..3 {
        guess_wrong(&stage.services, 9).await;
    }
    stage.clock.advance(secs(599));
    assert_eq!(stage.links.purge_guesses(10).await.unwrap(), 0);
    stage.clock.advance(secs(1));
    assert_eq!(stage.links.purge_guesses(10).await.unwrap(), 3);
}
