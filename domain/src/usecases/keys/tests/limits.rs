//! Limits of keys.

use crate::grant::{KeyLimits, KeyRecord};
use crate::usecases::tests::*;
use crate::usecases::{HandedKey, KeyRequest};

fn limits(networks: &[&str], uses_per_minute: Option<u32>) -> KeyLimits {
    KeyLimits {
        networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
        uses_per_minute,
    }
}

async fn key(
    stage: &Stage,
    caller: &Caller,
    limits: KeyLimits,
    expires_at: Option<Timestamp>,
) -> Result<HandedKey, Refusal> {
    let request = KeyRequest {
        name: "limited".to_owned(),
        expires_at,
        limits,
    };
    let account = stage.last_account().await;
    stage.keys.create(caller, account, request, HOME).await
}

#[tokio::test]
async fn a_key_is_used_from_its_networks_only() {
    let stage = Stage::new().await;
    stage.linked().await;
    let inside = limits(&["198.51.100.0/25", "2001:db8::/32"], None);
    let made = key(&stage, &Caller::ADMIN, inside, None).await.unwrap();
    let from = async |from: IpAddr| {
        let bearer = Some(&made.access_key);
        let each = [
            stage.keys.recognise(bearer, from).await,
            stage.keys.authenticate(bearer, from).await,
            stage.keys.authenticate_for_token(bearer, from).await,
        ];
        each.map(|caller| caller.is_ok())
    };
    for address in ["198.51.100.9", "::ffff:198.51.100.9", "2001:db8::1"] {
        assert_eq!(from(address.parse().unwrap()).await, [true; 3], "{address}");
    }
    for address in ["198.51.100.200", "127.0.0.1", "2001:db9::1", "0.0.0.0"] {
        assert_eq!(
            from(address.parse().unwrap()).await,
            [false; 3],
            "{address}"
        );
    }
    let refused = stage
        .keys
        .authenticate(Some(&made.access_key), address(200))
        .await;
    assert!(matches!(refused, Err(Refusal::Unauthorized(why)) if why.contains("network")));
}

#[tokio::test]
async fn a_key_is_used_so_often_in_a_minute() {
    let stage = Stage::new().await;
    stage.linked().await;
    let made = key(&stage, &Caller::ADMIN, limits(&[], Some(3)), None).await;
    let (made, other) = (made.unwrap().access_key, stage.linked().await.1);
    let uses = async |times: usize| {
        let mut admitted = 0;
        for _ in 0..times {
            match stage
                .keys
                .authenticate_for_token(Some(&made), address(9))
                .await
            {
                Ok(_) => admitted += 1,
                Err(Refusal::KeyUsedTooOften(retry_after)) => {
                    assert!(retry_after <= secs(20), "{retry_after:?}");
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        admitted
    };
    assert_eq!(uses(5).await, 3);
    stage.clock.advance(secs(19));
    assert_eq!(uses(1).await, 0);
    stage.clock.advance(secs(1));
    assert_eq!(uses(5).await, 1);
    stage.clock.advance(secs(60));
    assert_eq!(uses(5).await, 3);
    for _ in 0..100 {
        stage.caller(&other).await;
    }
}

/// Returns the limits and the expiry of a key.
fn may(key: &KeyRecord) -> (KeyLimits, Option<Timestamp>) {
    (key.limits.clone(), key.expires_at)
}

#[tokio::test]
async fn a_key_makes_none_that_lasts_longer() {
    let stage = Stage::new().await;
    let ends = stage.clock_now() + secs(3600);
    let request = LinkRequest {
        key_expires_at: Some(ends),
        ..LinkRequest::default()
    };
    let started = stage.links.start(&Caller::Nobody, request).await.unwrap();
    let owner = started.access_key.unwrap();
    stage.confirm(started.code.digits()).await.unwrap();
    let grant = ScriptedProvider::grant("access-1", Some("refresh-1"));
    stage.provider.answer_redeem(Ok(grant));
    stage.poll_providers().await;
    let owner = stage.caller(&owner).await;
    let narrow = limits(&["10.0.0.0/8"], Some(2));
    let made = key(&stage, &owner, narrow.clone(), None).await.unwrap();
    assert_eq!(may(&made.record), (narrow, Some(ends)));
    let sooner = Some(ends - secs(60));
    let made = key(&stage, &owner, KeyLimits::default(), sooner).await;
    assert_eq!(may(&made.unwrap().record), (KeyLimits::default(), sooner));
    let later = Some(ends + secs(1));
    let refused = key(&stage, &owner, KeyLimits::default(), later).await.err();
    assert!(
        matches!(refused, Some(Refusal::Unprocessable(_))),
        "{refused:?}"
    );
    // Limits of keys do not apply to the operator.
    assert!(
        key(&stage, &Caller::ADMIN, KeyLimits::default(), later)
            .await
            .is_ok()
    );
    let many: Vec<_> = (0..21).map(|n| format!("10.0.0.{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let refused = key(&stage, &owner, limits(&many, None), None).await.err();
    assert!(
        matches!(refused, Some(Refusal::Unprocessable(_))),
        "{refused:?}"
    );
}
