//! A client polls.

use crate::grant::AccessKeyId;
use crate::link::{GuessLimit, LinkId};
use crate::ports::Redemption;
use crate::rate_limit::RateLimit;
use crate::usecases::links::poll::Poller;
use crate::usecases::tests::*;

#[test]
fn nobody_uses_up_the_polls_of_somebody_else() {
    let limit = RateLimit::new(secs(2), 1);
    let stranger = |last, link| Poller::Stranger {
        address: address(last),
        link: LinkId(link),
    };
    let key = Poller::Key(AccessKeyId(1));
    for poller in [stranger(1, 1), stranger(2, 1), stranger(1, 2), key] {
        assert!(limit.admit(poller, secs(9)).is_ok(), "{poller:?}");
        assert!(limit.admit(poller, secs(9)).is_err(), "{poller:?}");
    }
}

#[tokio::test]
async fn the_account_is_for_the_link_s_own_key_only() {
    let stage = Stage::new().await;
    let (code, key) = stage.linked().await;
    let own = stage.report(&code, &key).await;
    assert_eq!(own.account.unwrap().key.account_id, "alice");
    for caller in [Caller::Nobody, stage.caller(&stage.started().await.1).await] {
        let bare = stage.links.poll(&code, &caller, address(3)).await.unwrap();
        assert!(matches!(bare.status, LinkStatus::Linked(_)));
        assert!(bare.account.is_none());
    }
}

#[tokio::test]
async fn a_code_of_a_clock_that_was_ahead_is_over_once_the_clock_is_right() {
    let stage = Stage::new().await;
    let right = stage.clock_now();
    stage.clock.set(right + secs(2 * 3600));
    let (code, key) = stage.started().await;
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Pending);
    stage.clock.set(right);
    let report = stage.report(&code, &key).await;
    assert_eq!(
        (report.status, report.expires_in),
        (LinkStatus::Expired, Duration::ZERO)
    );
    // Confirming an expired link changes nothing.
    stage.confirm(&code).await.unwrap();
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Expired);
}

#[tokio::test]
async fn why_the_provider_said_no_is_for_the_link_s_own_key_only() {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    stage.confirm(&code).await.unwrap();
    let words = Some("not assigned".to_owned());
    stage.provider.answer_redeem(Ok(Redemption::Denied(words)));
    stage.poll_providers().await;
    let own = stage.report(&code, &key).await.error.unwrap();
    assert_eq!(
        (own.code, own.detail),
        ("access_denied".into(), "not assigned".to_owned())
    );
    let others = stage.links.poll(&code, &Caller::Nobody, address(3)).await;
    assert!(others.unwrap().error.is_none());
}

#[tokio::test]
async fn unknown_and_malformed_codes_do_not_exist() {
    let stage = Stage::new().await;
    for code in ["00000000", "1", "abcdefgh", ""] {
        let refused = stage.links.poll(code, &Caller::Nobody, address(3)).await;
        assert!(matches!(refused, Err(Refusal::NotFound(_))), "{code:?}");
    }
}

#[tokio::test]
async fn guessing_is_limited_and_slows_no_client() {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    let guess = |code: &'static str| stage.links.poll(code, &Caller::Nobody, address(9));
    for _ in 0..GuessLimit::PER_ADDRESS {
        assert!(matches!(guess("00000000").await, Err(Refusal::NotFound(_))));
    }
    assert!(matches!(
        guess("00000000").await,
        Err(Refusal::RateLimited(_))
    ));
    let right = stage.links.poll(&code, &Caller::Nobody, address(9)).await;
    assert!(
        matches!(right, Err(Refusal::RateLimited(_))),
        "a guesser learns no more"
    );
    assert_eq!(
        stage.status(&code, &key).await,
        LinkStatus::Pending,
        "same address, own key"
    );
    stage.clock.advance(secs(600));
    assert!(matches!(guess("00000000").await, Err(Refusal::NotFound(_))));
}

#[tokio::test]
async fn an_ended_link_answers_for_a_day() {
    let stage = Stage::new().await;
    let (code, key) = stage.started().await;
    stage.clock.advance(secs(600));
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Expired);
    stage.clock.advance(secs(24 * 3600 - 1));
    assert_eq!(stage.links.purge(10).await.unwrap(), 0);
    assert_eq!(stage.status(&code, &key).await, LinkStatus::Expired);
    stage.clock.advance(secs(2));
    assert_eq!(stage.links.purge(10).await.unwrap(), 1);
    assert!(matches!(
        stage.keys.authenticate(Some(&key), address(9)).await,
        Err(Refusal::Unauthorized(_))
    ));
}

/// [`Links::inspect`](crate::usecases::Links::inspect) does not count guesses, so it must not reveal that a link
/// exists.
#[tokio::test]
async fn inspecting_a_link_tells_its_own_key_alone() {
    let stage = Stage::new().await;
    let (code, key) = stage.linked().await;
    let other = stage.caller(&stage.started().await.1).await;
    let inspect = async |code: &str, caller: &Caller| stage.links.inspect(code, caller).await;
    let own = inspect(&code, &stage.caller(&key).await).await.unwrap();
    assert_eq!(own.account.unwrap().key.account_id, "alice");
    for _ in 0..=GuessLimit::PER_ADDRESS {
        for code in [&*code, "00000000", "1"] {
            for caller in [&Caller::Nobody, &Caller::ADMIN, &other] {
                let refused = inspect(code, caller).await;
                assert!(matches!(refused, Err(Refusal::NotFound(_))), "{code}");
            }
        }
    }
    let guess = stage.links.poll(&code, &Caller::Nobody, address(9));
    assert!(guess.await.is_ok());
}
