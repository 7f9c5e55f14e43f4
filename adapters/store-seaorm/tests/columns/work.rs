//! Checks that all calls work for the undamaged rows, and that the damaged rows can be deleted.

use std::fmt::Debug;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use central_oauth_domain::audit::{AuditFilter, AuditNumber};
use central_oauth_domain::grant::refresh::SuspectGrant;
use central_oauth_domain::grant::revocation::{RevocationResult, RevocationStatus};
use central_oauth_domain::grant::{AccessKeyId, AccountFilter, AccountId, ProviderName};
use central_oauth_domain::link::{Guess, GuessLimit};
use central_oauth_domain::ports::{
    AccountStore, AdminSessionStore, AuditStore, CensusStore, ClockStepStore, Descendants,
    GrantEndStore, GuessStore, KeyStore, LinkStore, OutageStore, ReadStore, RefreshStore,
    ReplicaStore, RevocationStore, SealStore, StoreError, WebhookStore, WorkloadStore,
    WriteTestStore,
};
use central_oauth_domain::testing::audit_chain;
use central_oauth_domain::{Fault, FaultCode, Timestamp};
use central_oauth_store_seaorm::SeaOrmStore;

use super::world::{
    ENTRIES, FIRST_DUE, HEALTHY, IDENTITY, NETWORK, presence, receiver, session, stray,
};
use crate::common::{CODES, LATER, NOW, answer, audit, code, grant, key, macs, new_link};

/// A limit above the number of rows.
const ALL: u64 = 100;
/// The tables with rows that belong to accounts.
const OF_ACCOUNTS: [&str; 6] = [
    "access_keys",
    "account_labels",
    "accounts",
    "announced_ends",
    "tokens",
    "workloads",
];
const OURS: AccountId = AccountId(HEALTHY);

pub(crate) struct Work<'a> {
    store: &'a SeaOrmStore,
    /// The healthy account, and before it the accounts that may have damaged rows.
    accounts: RangeInclusive<i64>,
    receivers: Range<i64>,
    pub(crate) faults: Vec<String>,
}

impl<'a> Work<'a> {
    pub(crate) async fn beside(table: &str, store: &'a SeaOrmStore) -> Self {
        let first = if OF_ACCOUNTS.contains(&table) {
            1
        } else {
            HEALTHY
        };
        let receivers = if table == "webhook_receivers" {
            1..HEALTHY
        } else {
            1..1
        };
        let mut work = Self {
            store,
            accounts: first..=HEALTHY,
            receivers,
            faults: Vec::new(),
        };
        work.lists().await;
        work.callers().await;
        work.links().await;
        work.refreshes().await;
        work.revocations().await;
        work.webhooks().await;
        work.housekeeping().await;
        work.deletions().await;
        work
    }

    /// Records a fault if `result` is an error or not the expected result.
    fn must<T: Debug>(
        &mut self,
        what: &str,
        result: Result<T, StoreError>,
        is_right: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        match result {
            Ok(found) if is_right(&found) => return Some(found),
            Ok(found) => self.faults.push(format!("{what}: {found:?}")),
            Err(error) => self.faults.push(format!("{what}: {error:?}")),
        }
        None
    }

    async fn lists(&mut self) {
        let (store, filter) = (self.store, AccountFilter::default());
        let found = store.accounts_matching(&filter, None, ALL).await;
        self.must("accounts", found, |all| {
            all.iter().any(|one| one.id == OURS)
        });
        let ids = Vec::from_iter((1..=HEALTHY).map(AccountId));
        let found = store.labels(&ids).await;
        self.must("labels", found, |all| all.contains_key(&OURS));
        // Pages of one row. An unreadable row must not end a list.
        let found = store.keys(OURS, Some(AccessKeyId(8)), 1).await;
        self.must("keys", found, |all| all.len() == 1);
        let found = store.workloads(OURS, None, 1).await;
        self.must("workloads", found, |all| all.len() == 1);
        let found = store.revocations(None, 1).await;
        self.must("revocations", found, |all| all.len() == 1);
        let found = store.replicas().await;
        let is_ours = format!("instance {HEALTHY}");
        self.must("replicas", found, |all| {
            all.iter().any(|one| one.report.instance == is_ours)
        });
        let found = store.outages().await;
        self.must("outages", found, |all| {
            all.iter().any(|one| one.provider.as_str() == "p8")
        });
        let found = store.receivers().await;
        self.must("receivers", found, |all| {
            all.iter().any(|one| one.name == receiver(HEALTHY))
        });
        let filter = AuditFilter::default();
        let found = store.audit_entries(&filter, AuditNumber(0), ALL).await;
        self.must("audit log", found, |all| all.len() == ENTRIES);
    }

    async fn callers(&mut self) {
        let store = self.store;
        let opened = store.open_key(&key(8)).await;
        let opened = self.must("key", opened, |found| {
            found.as_ref().is_some_and(|found| found.grant.is_some())
        });
        if let Some(grant) = opened.flatten().and_then(|found| found.grant) {
            let seen = [(AccessKeyId(8), grant.version)];
            self.must("cached key", store.changed(&seen).await, Vec::is_empty);
        }
        let found = store.find_workloads(&key(IDENTITY), NOW).await;
        self.must("workload", found, |all| {
            all.iter().any(|one| one.key.id.0 == 32)
        });
        let found = store.session(&session(HEALTHY).token).await;
        self.must("session", found, Option::is_some);
        let mut asking = new_link(200);
        asking.network = Some(code(NETWORK));
        let created = store.create_link(asking, u64::MAX, CODES, macs()).await;
        self.must("link code", created, |_| true);
        let guess = Guess {
            network: code(NETWORK),
            at: NOW,
            is_wrong: true,
        };
        let limit = GuessLimit::new(Duration::from_secs(600));
        self.must("wrong code", store.admit_guess(&guess, limit).await, |_| {
            true
        });
    }

    async fn links(&mut self) {
        let store = self.store;
        for busy in [vec![], vec![ProviderName::new("busy")]] {
            let next = store.next_poll_at(&busy).await;
            self.must("next poll", next, |at| at.is_some_and(|at| at <= NOW));
        }
        let last = code(FIRST_DUE + 7);
        let claimed = store.claim_due_polls(NOW, LATER, ALL, &[]).await;
        let claimed = self.must("polls", claimed, |all| {
            all.iter().any(|one| one.code == last)
        });
        let claimed = claimed.into_iter().flatten().find(|link| link.code == last);
        if let Some(link) = claimed {
            let completed = store.complete_link(&link, grant("eve"), NOW, macs(), audit());
            self.must("completed link", completed.await, |_| true);
        }
        for n in self.accounts.clone() {
            self.must("relinks", store.open_relinks(AccountId(n)).await, |_| true);
        }
    }

    async fn refreshes(&mut self) {
        let store = self.store;
        let stored = store.outages().await.unwrap_or_default();
        for outage in stored {
            let next = store.next_unfailed_at(&outage).await;
            self.must("next probe", next, |_| true);
        }
        let suspects = (1..=HEALTHY).map(|n| SuspectGrant {
            account: AccountId(n),
            next_refresh_at: NOW,
        });
        let fault = Fault::new(FaultCode::ProviderUnavailable, "restored");
        let marked = store.mark_suspect(&Vec::from_iter(suspects), &fault).await;
        self.must("suspects", marked, |_| true);
        for busy in [vec![], vec![ProviderName::new("busy")]] {
            let next = store.next_refresh_at(&busy).await;
            self.must("next refresh", next, |at| at.is_some_and(|at| at <= NOW));
        }
        let busy = [ProviderName::new("busy")];
        let claimed = store
            .claim_due_refreshes(NOW, Duration::ZERO, LATER, ALL, &busy)
            .await;
        let claimed = self.must("refreshes", claimed, |all| {
            all.iter().any(|one| one.account.id == OURS)
        });
        let claimed = claimed.into_iter().flatten();
        if let Some(ours) = { claimed }.find(|one| one.account.id == OURS) {
            let (generation, lease) = (ours.generation, ours.lease.version);
            let recorded = store.record_refresh(OURS, generation, lease, answer("a", "r"), audit());
            self.must("recorded refresh", recorded.await, |_| true);
        }
    }

    async fn revocations(&mut self) {
        let store = self.store;
        let next = store.next_revocation_at(&[]).await;
        self.must("next revocation", next, |at| at.is_some_and(|at| at <= NOW));
        let claimed = store.claim_due_revocations(NOW, LATER, ALL, &[]).await;
        let reference = stray(HEALTHY).reference;
        let claimed = self.must("due revocations", claimed, |all| {
            all.iter().any(|one| one.reference == reference)
        });
        let claimed = claimed.into_iter().flatten();
        if let Some(ours) = { claimed }.find(|one| one.reference == reference) {
            let (id, lease) = (ours.revocation.id, ours.revocation.lease.version);
            let result = RevocationResult::Ended {
                status: RevocationStatus::Revoked,
                fault: None,
            };
            let recorded = store.record_revocation(id, lease, result, NOW).await;
            self.must("recorded revocation", recorded, |is_done| *is_done);
        }
    }

    async fn webhooks(&mut self) {
        let store = self.store;
        let found = store.receiver(&receiver(HEALTHY)).await;
        let found = self.must("receiver", found, Option::is_some).flatten();
        if let Some(ours) = found {
            let saved = store.save_receiver(&ours.claimed(NOW)).await;
            self.must("claimed webhook", saved, |is_saved| *is_saved);
        }
        // A receiver whose row is unreadable can be added again, which replaces the row.
        for n in self.receivers.clone() {
            let entry = central_oauth_domain::audit::AuditEvent::new(
                central_oauth_domain::audit::AuditKind::ReceiverAltered,
            );
            let name = receiver(n);
            let added = store.add_receiver(&name, None, macs(), audit().entry(entry));
            self.must("added receiver", added.await, |_| true);
            self.must(
                "added receiver",
                store.receiver(&name).await,
                Option::is_some,
            );
        }
        let chained = store.chain_entries(&audit_chain(), ALL, NOW).await;
        self.must("chained entries", chained, |chained| chained.taken > 0);
    }

    async fn housekeeping(&mut self) {
        let store = self.store;
        let later = LATER + Duration::from_secs(1_000_000);
        self.must("check-in", store.check_in(&presence(9), NOW).await, |()| {
            true
        });
        self.must(
            "clock steps",
            store.undo_clock_steps(NOW, Duration::MAX, ALL).await,
            |_| true,
        );
        let period = NOW..LATER + Duration::from_secs(1);
        self.must("ends", store.unannounced_ends(period, ALL).await, |_| true);
        for n in self.accounts.clone() {
            let expired = store.expire_account(AccountId(n), NOW, audit());
            self.must("expired account", expired.await, |_| true);
        }
        self.must("census", store.census(NOW).await, |census| {
            !census.accounts.is_empty()
        });
        self.must("MACs", store.keys_without_mac(None, ALL).await, |_| true);
        self.must("seals", store.seals_in_use().await, |_| true);
        self.must(
            "write test",
            store.test_write(Some(Duration::ZERO)).await,
            |()| true,
        );
        self.purges(later).await;
    }

    async fn purges(&mut self, later: Timestamp) {
        let store = self.store;
        self.must("guesses", store.count_guesses(NOW..later).await, |_| true);
        self.must("guesses", store.purge_guesses(later, ALL).await, |n| *n > 0);
        self.must("links", store.purge_links(later, later, ALL).await, |n| {
            *n > 0
        });
        let purged = store.purge_revocations(later, ALL).await;
        self.must("purged revocations", purged, |n| *n > 0);
        self.must(
            "used tokens",
            store.purge_used_tokens(later, ALL).await,
            |n| *n > 0,
        );
        self.must("sessions", store.purge_sessions(later, ALL).await, |n| {
            *n > 0
        });
        self.must("expired", store.expired_accounts(later, ALL).await, |_| {
            true
        });
    }

    async fn deletions(&mut self) {
        let store = self.store;
        for key in 17..=20 {
            let with = Descendants::Deleted;
            let deleted = store
                .delete_key(OURS, AccessKeyId(key), with, audit())
                .await;
            self.must("deleted key", deleted, |_| true);
        }
        for n in self.accounts.clone() {
            let found = store.tokens(AccountId(n)).await;
            let Some(tokens) = self.must("tokens", found, Option::is_some).flatten() else {
                continue;
            };
            let deleted = store.delete_account(&tokens, stray(20 + n), audit()).await;
            self.must("deleted account", deleted, |_| true);
        }
    }
}
