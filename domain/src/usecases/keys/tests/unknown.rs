//! Guessing keys.

use crate::usecases::tests::*;

/// Returns the response to a bearer from this address.
async fn show(stage: &Stage, key: &AccessKey, from: u8) -> Result<(), Refusal> {
    let recognised = stage
        .keys
        .authenticate(Some(key), address(9))
        .await
        .map(drop);
    recognised.map_err(|refusal| stage.keys.refuse_bearer(refusal, address(from)))
}

#[tokio::test]
async fn guesses_of_one_network_are_limited_and_its_valid_keys_work() {
    let stage = Stage::new().await;
    let (_, key) = stage.started().await;
    let guess = AccessKey::new("coak_guess");
    let (mut refused, mut limited) = (0, 0);
    for _ in 0..1_000 {
        match show(&stage, &guess, 9).await {
            Err(Refusal::Unauthorized(_)) => refused += 1,
            Err(Refusal::TooManyUnknownKeys(retry_after)) => {
                assert!(retry_after <= secs(2), "{retry_after:?}");
                limited += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((refused, limited), (30, 970));
    for good in [&key, &AccessKey::new(ADMIN)] {
        show(&stage, good, 9).await.unwrap();
    }
    let elsewhere = show(&stage, &guess, 8).await;
    assert!(matches!(elsewhere, Err(Refusal::Unauthorized(_))));
}

#[tokio::test]
async fn other_errors_are_not_counted() {
    let stage = Stage::new().await;
    for _ in 0..100 {
        let refusal = stage.keys.refuse_bearer(Refusal::LinkPending, address(9));
        assert!(matches!(refusal, Refusal::LinkPending));
    }
}
