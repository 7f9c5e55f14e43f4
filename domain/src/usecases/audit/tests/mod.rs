//! What is recorded, what is counted, and who may read it.
#![allow(clippy::unwrap_used)]

mod chain;
mod floods;

use std::net::Ipv4Addr;

use super::*;
use crate::audit::{AuditEntry, AuditFilter, AuditNumber};
use crate::grant::KeyLimits;
use crate::grant::revocation::{RevocationResult, RevocationStatus};
use crate::operator::{OperatorKey, OperatorName, OperatorRole};
use crate::ports::Descendants;
use crate::secret::AccessKey;
use crate::testing::{services, settings};
use crate::usecases::tests::{ADMIN, HOME, Stage, secs};
use crate::usecases::{KeyRequest, LinkRequest, Refusal, Settings};

impl Stage {
    /// Stores the pending entries and counts, then returns all entries.
    async fn entries(&self) -> Vec<AuditEntry> {
        self.list(&AuditFilter::default()).await
    }

    async fn list(&self, filter: &AuditFilter) -> Vec<AuditEntry> {
        self.audit.store(true).await.unwrap();
        let page = self.audit.list(&Caller::ADMIN, filter, None, 1_000).await;
        page.unwrap().items
    }

    /// Returns the entries of a kind.
    async fn of_kind(&self, kind: AuditKind) -> Vec<AuditEntry> {
        let kind = Some(kind);
        self.list(&AuditFilter {
            kind,
            ..AuditFilter::default()
        })
        .await
    }
}

#[tokio::test]
async fn a_link_leaves_its_trace() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let entries = stage.entries().await;
    let kinds: Vec<_> = entries.iter().map(|entry| &*entry.content.kind).collect();
    // Does not compare the order, because an entry that is stored in the transaction of its event may come first.
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
async fn a_link_code_for_the_wrong_network_is_recorded() {
    let stage = Stage::new().await;
    let settings = Settings {
        enroll_networks: vec!["10.0.0.0/8".parse().unwrap()],
        ..settings()
    };
    let services = services(&stage.ports, &settings);
    let request = LinkRequest {
        address: Some(HOME),
        ..LinkRequest::default()
    };
    let refused = services.links.start(&Caller::ENROLLER, request).await;
    assert!(refused.is_err());
    let entries = stage.of_kind(AuditKind::LinkRefused).await;
    let [entry] = &entries[..] else {
        panic!("{entries:?}");
    };
    let content = &entry.content;
    assert_eq!(
        (
            &*content.actor,
            content.network.as_deref(),
            &*content.detail
        ),
        ("enroller", Some("192.0.2.0/24"), "reason=network")
    );
}

#[tokio::test]
async fn an_exchange_for_other_scopes_is_no_hand_out() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let caller = stage.caller(&key).await;
    for (scopes, handed_out) in [(&["admin"][..], 0), (&[], 1)] {
        let exchanged = stage.tokens.exchange(&caller, None, scopes, HOME).await;
        assert_eq!(exchanged.is_ok(), handed_out > 0);
        stage.audit.store(true).await.unwrap();
        let handed = stage.of_kind(AuditKind::TokenHandedOut).await;
        assert_eq!(handed.len(), handed_out, "{scopes:?}");
    }
}

#[tokio::test]
async fn tokens_are_counted_for_each_key_and_network() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    let elsewhere = Ipv4Addr::new(203, 0, 113, 9).into();
    for (seconds, address) in [(0, HOME), (1, HOME), (598, elsewhere), (1, HOME)] {
        stage.clock.advance(secs(seconds));
        let caller = stage.caller(&key).await;
        // The runtime also stores entries every second. Storing them must not end the counting period.
        stage.audit.store(false).await.unwrap();
        let handed = stage.tokens.hand_out(&caller, secs(0), address).await;
        assert!(handed.is_ok());
    }
    // A request that gets no token is not counted.
    let refused = stage.tokens.hand_out(&Caller::ADMIN, secs(0), HOME).await;
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
    stage.audit.store(true).await.unwrap();
    let page = stage
        .audit
        .list(&Caller::ADMIN, &filter, None, 20_000)
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
    let refreshed = stage.accounts.refresh(&admin, account, HOME).await;
    refreshed.unwrap();
    stage.accounts.delete(&admin, account, HOME).await.unwrap();
    for (kind, key) in [
        (AuditKind::RefreshRequested, None),
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

/// Run with `cargo test --workspace --release --lib what_counting_costs -- --ignored --nocapture`.
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
    for caller in [Caller::Nobody, Caller::ENROLLER, stage.caller(&key).await] {
        let all = AuditFilter::default();
        let refused = stage.audit.list(&caller, &all, None, 10).await.err();
        assert!(matches!(
            refused,
            Some(Refusal::Unauthorized(_) | Refusal::Forbidden(_))
        ));
    }
}

#[tokio::test]
async fn counts_are_merged_while_the_store_is_away() {
    let stage = Stage::new().await;
    stage.store.be_full(true);
    for _ in 0..5 {
        for n in 0..4_000 {
            let about = Some((AccountId(n), AccessKeyId(n)));
            let actor = Actor::Key(AccessKeyId(n));
            stage
                .audit
                .count(AuditKind::TokenHandedOut, about, actor, HOME);
        }
        stage.clock.advance(secs(3_600));
        assert!(stage.audit.store(false).await.is_err());
    }
    stage.store.be_full(false);
    for _ in 0..3 {
        stage.audit.store(true).await.unwrap();
    }
    let filter = AuditFilter::default();
    let page = stage.audit.list(&Caller::ADMIN, &filter, None, 50_000);
    let entries = page.await.unwrap().items;
    assert_eq!(entries.len(), 8_000);
    let counts = entries.iter().flat_map(|entry| entry.content.details());
    let sum: u64 = counts.map(|(_, count)| count.parse::<u64>().unwrap()).sum();
    assert_eq!(sum, 5 * 4_000);
}

#[tokio::test]
async fn the_last_call_stores_what_came_after_a_failure_too() {
    let stage = Stage::new().await;
    let record = || {
        let event = AuditEvent::new(AuditKind::RelinkRequired);
        stage.audit.record(event, Actor::Service, None);
    };
    stage.store.be_full(true);
    record();
    assert!(stage.audit.store(false).await.is_err());
    record();
    stage.store.be_full(false);
    stage.audit.store(true).await.unwrap();
    let all = AuditFilter::default();
    let stored = stage.store.audit_entries(&all, AuditNumber(0), 9).await;
    assert_eq!(stored.unwrap().len(), 2);
}

#[tokio::test]
async fn reading_page_by_page_comes_to_an_end() {
    let stage = Stage::new().await;
    stage.linked().await;
    let (all, mut after) = (AuditFilter::default(), None);
    for _ in 0..30 {
        stage.keys.count_operator(&Caller::ADMIN, HOME);
        let page = stage.audit.list(&Caller::ADMIN, &all, after, 1).await;
        after = page.unwrap().next;
        if after.is_none() {
            return;
        }
    }
    panic!("each page adds an entry");
}

#[tokio::test]
async fn a_discarded_outcome_of_a_revocation_is_not_recorded() {
    let stage = Stage::new().await;
    stage.linked().await;
    let account = stage.last_account().await;
    let away = crate::ports::ProviderError::unavailable("away");
    stage.provider.answer_revoke(Err(away));
    stage
        .accounts
        .delete(&Caller::ADMIN, account, HOME)
        .await
        .unwrap();
    stage.clock.advance(secs(3_600));
    let leases = stage.revoker.claim_due(9, &[]).await.unwrap();
    let ended = RevocationResult::Ended {
        status: RevocationStatus::Revoked,
        fault: None,
    };
    for _ in 0..2 {
        stage
            .revoker
            .record_result(&leases[0], Some(&ended))
            .await
            .unwrap();
    }
    assert_eq!(stage.of_kind(AuditKind::RevocationEnded).await.len(), 1);
}

#[tokio::test]
async fn a_link_says_who_ended_it() {
    let stage = Stage::new().await;
    let (code, _) = stage.started().await;
    let visitor = stage.visitor();
    stage.consents.cancel(&code, &visitor).await.unwrap();
    let ended = &stage.of_kind(AuditKind::LinkEnded).await[0].content;
    assert_eq!(ended.actor, "person");
    assert!(ended.network.is_some());
}

#[tokio::test]
async fn an_auditor_reads_it() {
    let stage = Stage::new().await;
    stage.linked().await;
    let key = OperatorKey {
        name: OperatorName::new("carol").unwrap(),
        role: OperatorRole::Auditor,
        key: AccessKey::new("the-key-of-carol"),
    };
    stage.operators.replace(std::slice::from_ref(&key)).unwrap();
    let carol = stage.caller(&key.key).await;
    stage.keys.count_operator(&carol, HOME);
    let all = AuditFilter::default();
    let page = stage.audit.list(&carol, &all, None, 100).await.unwrap();
    assert!(!page.items.is_empty());
    let used = stage.of_kind(AuditKind::OperatorUsed).await;
    assert!(used[0].content.actor.starts_with("auditor"));
}
