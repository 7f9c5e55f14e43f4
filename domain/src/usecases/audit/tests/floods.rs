//! Many events of one kind.

use super::*;

fn addresses(number: u8) -> impl Iterator<Item = IpAddr> {
    (0..number).map(|n| Ipv4Addr::new(198, 51, n, 1).into())
}

#[tokio::test]
async fn a_flood_of_refused_bearers_takes_few_entries() {
    let stage = Stage::new().await;
    for address in addresses(200) {
        for _ in 0..3 {
            let refusal = Refusal::Unauthorized("unknown");
            let _ = stage.keys.refuse_bearer(refusal, address);
        }
    }
    let refused = stage.of_kind(AuditKind::BearerRefused).await;
    assert_eq!(refused.len(), 21);
    let counts = refused.iter().flat_map(|entry| entry.content.details());
    let counts = counts.filter(|(name, _)| *name == "count");
    let sum: u64 = counts.map(|(_, count)| count.parse::<u64>().unwrap()).sum();
    assert_eq!(sum, 600);
}

#[tokio::test]
async fn a_key_that_is_used_from_everywhere_takes_few_entries() {
    let stage = Stage::new().await;
    for key in [1, 2] {
        let about = Some((AccountId(1), AccessKeyId(key)));
        for address in addresses(200) {
            let actor = Actor::Key(AccessKeyId(key));
            stage
                .audit
                .count(AuditKind::TokenHandedOut, about, actor, address);
        }
    }
    assert_eq!(stage.of_kind(AuditKind::TokenHandedOut).await.len(), 2 * 21);
}

#[tokio::test]
async fn a_flood_of_links_takes_few_entries() {
    let stage = Stage::new().await;
    let record = || {
        for address in addresses(250) {
            let event = AuditEvent::new(AuditKind::LinkStarted);
            stage.audit.record(event, Actor::Anonymous, Some(address));
        }
    };
    record();
    let started = stage.of_kind(AuditKind::LinkStarted).await.len();
    assert_eq!(started, 100 + 20 + 1);
    // Events about accounts are recorded one by one.
    for _ in 0..250 {
        let event = AuditEvent::new(AuditKind::RelinkRequired);
        stage.audit.record(event, Actor::Service, None);
    }
    assert_eq!(stage.of_kind(AuditKind::RelinkRequired).await.len(), 250);
    stage.clock.advance(secs(60));
    record();
    assert_eq!(
        stage.of_kind(AuditKind::LinkStarted).await.len(),
        2 * started
    );
}

#[tokio::test]
async fn each_network_of_a_flood_has_no_actor_of_its_own() {
    let stage = Stage::new().await;
    for n in 0..500 {
        let (actor, address) = (
            Actor::Key(AccessKeyId(n)),
            Ipv4Addr::from(0x0a00_0000 + 256 * u32::try_from(n).unwrap()),
        );
        stage
            .audit
            .count(AuditKind::LinkWrongReturnCode, None, actor, address.into());
    }
    let counted = stage.of_kind(AuditKind::LinkWrongReturnCode).await;
    assert_eq!(counted.len(), 21);
}
