//! Limits on links: strangers cannot fill the store, and one network cannot lock out the others.

use crate::link::{CodeLimit, ConsentLimit};
use crate::usecases::tests::*;

async fn ask(stage: &Stage, from: u8) -> Result<StartedLink, Refusal> {
    let request = LinkRequest {
        address: Some(address(from)),
        ..LinkRequest::default()
    };
    stage.links.start(&Caller::Nobody, request).await
}

#[tokio::test]
async fn the_machine_itself_is_no_network() {
    let stage = Stage::new().await;
    for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        for _ in 0..=CodeLimit::PER_NETWORK {
            let request = LinkRequest {
                address: Some(address.parse().unwrap()),
                ..LinkRequest::default()
            };
            let asked = stage.links.start(&Caller::Nobody, request).await;
            assert!(asked.is_ok(), "{address}");
        }
    }
}

fn visitor(stage: &Stage, from: u8) -> Visitor<'_> {
    Visitor {
        browser: &stage.browser,
        address: address(from),
    }
}

async fn ask_and_cancel(stage: &Stage, from: u8) -> bool {
    let Ok(link) = ask(stage, from).await else {
        return false;
    };
    let code = link.code.digits();
    stage
        .consents
        .cancel(code, &visitor(stage, from))
        .await
        .unwrap();
    true
}

#[tokio::test]
async fn one_network_gets_so_many_codes_in_the_lifetime_of_one() {
    let stage = Stage::new().await;
    for _ in 0..CodeLimit::PER_NETWORK {
        assert!(ask_and_cancel(&stage, 1).await);
    }
    stage.clock.advance(secs(100));
    let refused = ask(&stage, 1).await.map(drop);
    assert!(
        matches!(refused, Err(Refusal::TooManyLinks(retry_after)) if retry_after == secs(500)),
        "{refused:?}"
    );
    assert!(ask(&stage, 2).await.is_ok());
    // The limit of the network does not apply to a caller with a key.
    assert!(stage.link_for(&Caller::ADMIN).await.is_ok());
    stage.clock.advance(secs(500));
    assert!(ask(&stage, 1).await.is_ok());
}

// A thief with one access key must not keep the others from linking.
#[tokio::test]
async fn relinks_of_an_account_are_limited() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let caller = stage.caller(&key).await;
    for _ in 0..CodeLimit::PER_NETWORK {
        assert!(stage.link_for(&caller).await.is_ok());
    }
    let refused = stage.link_for(&caller).await.map(drop);
    assert!(
        matches!(refused, Err(Refusal::TooManyLinks(_))),
        "{refused:?}"
    );
    assert!(stage.link_for(&Caller::Nobody).await.is_ok());
    let id = stage.last_account().await;
    let by_admin = stage.links.start_relink(&Caller::ADMIN, id, address(1));
    assert!(by_admin.await.is_ok());
    stage.clock.advance(secs(600));
    assert!(stage.link_for(&caller).await.is_ok());
}

#[tokio::test]
async fn many_cancelled_links_are_kept_for_minutes() {
    let stage = Stage::new().await;
    let (code, key) = stage.linked().await;
    for n in 0..2_000 {
        assert!(ask_and_cancel(&stage, (n % 200) as u8).await);
    }
    stage.clock.advance(secs(601));
    let mut gone = 0;
    while let purged @ 1.. = stage.links.purge(100).await.unwrap() {
        gone += purged;
    }
    // The remaining links are few, so they are stored for a whole day.
    assert_eq!(gone, 100);
    stage.clock.advance(secs(24 * 60 * 60 - 602));
    assert_eq!(stage.links.purge(100).await.unwrap(), 0);
    assert!(stage.is_linked(&code, &key).await);
}

#[tokio::test]
async fn consents_under_way_are_limited_by_network() {
    let stage = Stage::new().await;
    let confirm = async |from| {
        let link = stage.link_for(&Caller::Nobody).await.unwrap();
        let code = link.code.digits();
        let confirmed = stage.consents.confirm(code, &visitor(&stage, from)).await;
        confirmed.map(|_| code.to_owned())
    };
    let first = confirm(1).await.unwrap();
    for _ in 1..ConsentLimit::PER_NETWORK {
        confirm(1).await.unwrap();
    }
    let refused = confirm(1).await;
    assert!(
        matches!(refused, Err(Refusal::TooManyConsents(_))),
        "{refused:?}"
    );
    assert!(confirm(2).await.is_ok());
    // A person who has already confirmed can continue. When that link ends, there is room for another consent.
    stage
        .consents
        .confirm(&first, &visitor(&stage, 1))
        .await
        .unwrap();
    stage
        .consents
        .cancel(&first, &visitor(&stage, 1))
        .await
        .unwrap();
    assert!(confirm(1).await.is_ok());
}

#[tokio::test]
async fn many_networks_of_one_site_are_one() {
    let stage = Stage::new().await;
    let ask = async |network: u16, site: u16| {
        let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, site, network, 0, 0, 0, 1);
        let request = LinkRequest {
            address: Some(address.into()),
            ..LinkRequest::default()
        };
        stage.links.start(&Caller::Nobody, request).await.map(drop)
    };
    for network in 0..CodeLimit::PER_NETWORK as u16 {
        assert!(ask(network, 1).await.is_ok());
    }
    let refused = ask(0xffff, 1).await;
    assert!(
        matches!(refused, Err(Refusal::TooManyLinks(_))),
        "{refused:?}"
    );
    assert!(ask(0, 2).await.is_ok());
}

#[tokio::test]
async fn networks_get_fewer_codes_in_a_crowd() {
    let stage = Stage::new().await;
    let several = CodeLimit::LOAD_THRESHOLD / CodeLimit::PER_NETWORK + 1;
    let mut got = 0;
    for from in 1..=several {
        for _ in 0..CodeLimit::PER_NETWORK {
            got += u64::from(ask(&stage, from as u8).await.is_ok());
        }
    }
    assert_eq!(got, CodeLimit::LOAD_THRESHOLD);
    for _ in 0..CodeLimit::PER_NETWORK_UNDER_LOAD {
        assert!(ask(&stage, 100).await.is_ok());
    }
    assert!(ask(&stage, 100).await.is_err());
}
