//! What is recorded, what is counted, and who may read it.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;

use super::*;
use crate::audit::{AuditEntry, AuditFilter, AuditPosition, ChainBreak};
use crate::grant::KeyLimits;
use crate::ports::Descendants;
use crate::secret::AccessKey;
use crate::usecases::tests::{ADMIN, HOME, Stage, secs};
use crate::usecases::{KeyRequest, Refusal, VerifyError, verify_audit};

impl Stage {
    /// All entries, once they are stored.
    async fn entries(&self) -> Vec<AuditEntry> {
        self.list(&AuditFilter::default()).await
    }

    async fn list(&self, filter: &AuditFilter) -> Vec<AuditEntry> {
        let page = self.audit.list(&Caller::Admin, filter, None, 1_000).await;
        page.unwrap().items
    }

    /// The details of the entries of a kind.
    async fn of_kind(&self, kind: AuditKind) -> Vec<AuditEntry> {
        let kind = Some(kind);
        self.list(&AuditFilter {
            kind,
            ..AuditFilter::default()
        })
        .await
    }
}

fn addresses(number: u8) -> impl Iterator<Item = IpAddr> {
    (0..number).map(|n| Ipv4Addr::new(198, 51, n, 1).into())
}

#[tokio::test]
async fn a_link_leaves_its_trace() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let entries = stage.entries().await;
    let kinds: Vec<_> = entries.iter().map(|entry| &*entry.content.kind).collect();
    // What is in the transaction of its event may come first.
    for kind in ["link.started", "link.confirmed", "link.linked"] {
        assert_eq!(
            kinds.iter().filter(|found| **found == kind).count(),
            1,
            "{kind}"
        );
    }
    let account = stage.last_account().await;
    let linked = stage.of_kind(AuditKind::LinkLinked).await;
    assert_eq!(linked[0].content.account, Some(account));
    let confirmed = &stage.of_kind(AuditKind::LinkConfirmed).await[0].content;
    assert_eq!(confirmed.actor, "person");
    assert!(confirmed.network.is_some());
    let Caller::Key(holder) = stage.caller(&key).await else {
        panic!("a key");
    };
    assert!(
        entries
            .iter()
            .all(|entry| entry.content.key == Some(holder.id))
    );
}

#[tokio::test]
async fn tokens_are_counted_for_each_key_network_and_minute() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let elsewhere = Ipv4Addr::new(203, 0, 113, 9).into();
    for (seconds, address) in [(0, HOME), (1, HOME), (1, elsewhere), (60, HOME)] {
        stage.clock.advance(secs(seconds));
        let caller = stage.caller(&key).await;
        let handed = stage.tokens.hand_out(&caller, secs(0), address).await;
        assert!(handed.is_ok());
    }
    // A caller without a token counts for nothing.
    let refused = stage.tokens.hand_out(&Caller::Admin, secs(0), HOME).await;
    assert!(refused.is_err());
    let handed = stage.of_kind(AuditKind::TokenHandedOut).await;
    let mut counts: Vec<_> = handed
        .iter()
        .map(|entry| (entry.content.network.as_deref(), &*entry.content.detail))
        .collect();
    counts.sort_unstable();
    let (home, other) = (Some("192.0.2.0/24"), Some("203.0.113.0/24"));
    assert_eq!(
        counts,
        [(home, "count=1"), (home, "count=2"), (other, "count=1")]
    );
    let account = stage.last_account().await;
    assert!(
        handed
            .iter()
            .all(|entry| entry.content.account == Some(account))
    );
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
    // What concerns accounts is recorded one by one.
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
async fn nothing_is_lost_while_the_store_is_away() {
    let stage = Stage::new().await;
    let record = || {
        let event = AuditEvent::new(AuditKind::RelinkRequired);
        stage.audit.record(event, Actor::Service, None);
    };
    stage.store.be_full(true);
    for _ in 0..3 {
        record();
        assert!(stage.audit.store(true).await.is_err());
    }
    stage.store.be_full(false);
    for _ in 0..2 {
        stage.audit.store(true).await.unwrap();
    }
    assert_eq!(stage.of_kind(AuditKind::RelinkRequired).await.len(), 3);
}

#[tokio::test]
async fn only_so_many_wait_for_the_store() {
    let stage = Stage::new().await;
    for _ in 0..10_100 {
        let event = AuditEvent::new(AuditKind::RelinkRequired);
        stage.audit.record(event, Actor::Service, None);
    }
    let kind = Some(AuditKind::RelinkRequired);
    let filter = AuditFilter {
        kind,
        ..AuditFilter::default()
    };
    let page = stage
        .audit
        .list(&Caller::Admin, &filter, None, 20_000)
        .await;
    let items = page.unwrap().items;
    assert_eq!(items.len(), 10_001);
    assert_eq!(items[10_000].content.detail, "count=100");
}

#[tokio::test]
async fn keys_and_accounts_say_who_has_changed_them() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let account = stage.last_account().await;
    let request = KeyRequest {
        name: "job".to_owned(),
        expires_at: None,
        limits: KeyLimits::default(),
    };
    let owner = stage.caller(&key).await;
    let made = stage.keys.create(&owner, account, request, HOME).await;
    let made = made.unwrap().record;
    let admin = stage.caller(&AccessKey::new(ADMIN)).await;
    stage
        .keys
        .delete(&admin, account, made.id, Descendants::Kept, HOME)
        .await
        .unwrap();
    stage.accounts.delete(&admin, account, HOME).await.unwrap();
    for (kind, key) in [
        (AuditKind::KeyCreated, Some(made.id)),
        (AuditKind::KeyDeleted, Some(made.id)),
        (AuditKind::AccountDeleted, None),
    ] {
        let [entry] = &stage.of_kind(kind).await[..] else {
            panic!("one entry of {kind:?}");
        };
        let content = &entry.content;
        assert_eq!((content.account, content.key), (Some(account), key));
        assert_eq!(content.network.as_deref(), Some("192.0.2.0/24"));
        let is_admin = kind != AuditKind::KeyCreated;
        assert_eq!(content.actor == "admin", is_admin, "{kind:?}");
    }
    assert_eq!(stage.of_kind(AuditKind::RevocationEnded).await.len(), 1);
}

/// `cargo test --workspace --release --lib what_counting_costs -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a measurement"]
async fn what_counting_costs() {
    const KEYS: i64 = 10_000;
    const ROUNDS: i64 = 100;
    let stage = Stage::new().await;
    let began = std::time::Instant::now();
    for n in 0..KEYS * ROUNDS {
        let about = Some((AccountId(n % KEYS), AccessKeyId(n % KEYS)));
        let actor = Actor::Key(AccessKeyId(n % KEYS));
        stage
            .audit
            .count(AuditKind::TokenHandedOut, about, actor, HOME);
    }
    let nanos = began.elapsed().as_nanos() / u128::try_from(KEYS * ROUNDS).unwrap();
    eprintln!("counting takes {nanos} ns with {KEYS} keys");
}

#[tokio::test]
async fn only_the_admin_reads_it() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    for caller in [Caller::Nobody, Caller::Enroller, stage.caller(&key).await] {
        let all = AuditFilter::default();
        let refused = stage.audit.list(&caller, &all, None, 10).await.err();
        assert!(matches!(
            refused,
            Some(Refusal::Unauthorized(_) | Refusal::Forbidden(_))
        ));
    }
}

#[tokio::test]
async fn an_exported_head_reveals_that_an_older_log_was_put_back() {
    let stage = Stage::new().await;
    let chain = AuditChain::new(stage.ports.vault.clone());
    let record = async || {
        let event = AuditEvent::new(AuditKind::RelinkRequired);
        stage.audit.record(event, Actor::Service, None);
        stage.audit.store(true).await.unwrap();
    };
    record().await;
    let verify = async |exported| verify_audit(stage.store.as_ref(), &chain, exported).await;
    let exported = verify(None).await.unwrap().head;
    record().await;
    let verified = verify(Some(exported)).await.unwrap();
    assert_eq!(verified.entries, 2);
    let newer = AuditPosition {
        number: crate::audit::AuditNumber(3),
        mac: verified.head.mac,
    };
    let broken = verify(Some(newer)).await;
    assert!(matches!(
        broken,
        Err(VerifyError::Broken(ChainBreak::OtherHead(_)))
    ));
    stage.clock.advance(secs(400 * 24 * 3600));
    assert_eq!(stage.audit.purge(100).await.unwrap(), 2);
    // The head was deleted because it was old, which the signed start shows.
    for old in [exported, verified.head] {
        assert_eq!(verify(Some(old)).await.unwrap().entries, 0);
    }
}
