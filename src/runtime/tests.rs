//! Tests of the background work with a fake store.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::grant::revocation::RevocationStatus;
use central_oauth_domain::link::{Link, Requester};
use central_oauth_domain::ports::{AccountStore as _, Clock as _, KeyStore as _};
use central_oauth_domain::secret::AccessKey;
use central_oauth_domain::testing::{
    FixedClock, MemoryStore, ScriptedProvider, ports, redeem_to_end, settings,
};
use central_oauth_domain::usecases::{Caller, LinkRequest, Services, Visitor, Workers};
use tokio::sync::watch;

use super::housekeeping::purge;
use super::{Outbox, polls};
use crate::telemetry::captured_logs;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How often the store fails in these tests.
const TIMES: u32 = 3;

/// A service, and its fakes.
struct Stage {
    services: Services,
    store: Arc<MemoryStore>,
    provider: Arc<ScriptedProvider>,
    clock: FixedClock,
}

impl Stage {
    async fn new() -> Self {
        captured_logs::start();
        let (clock, store) = (FixedClock::default(), Arc::new(MemoryStore::default()));
        let provider = Arc::new(ScriptedProvider::new("one"));
        let ports = ports(&store, &clock, 6, &provider).await.unwrap();
        let settings = settings();
        let workers = Workers::new(&ports, &settings);
        let refresher = Arc::clone(&workers.refresher);
        let outbox = Arc::new(Outbox::new(Arc::clone(&workers.revoker)));
        let services = Services::new(&ports, &settings, workers, refresher, outbox);
        Self {
            services,
            store,
            provider,
            clock,
        }
    }

    /// Returns a link that a person has confirmed and whose poll is due, with its access key, which lasts for a day.
    async fn due_link(&self) -> (Link, AccessKey) {
        let request = LinkRequest {
            provider: None,
            requester: Requester::default(),
            key_expires_at: Some(self.clock.now() + DAY),
            ..LinkRequest::default()
        };
        let started = self.services.links.start(&Caller::Nobody, request).await;
        let (code, key) = {
            let started = started.unwrap();
            (started.code, started.access_key.unwrap())
        };
        let visitor = Visitor {
            browser: &self.services.consents.new_browser(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let link = self
            .services
            .consents
            .confirm(code.digits(), &visitor)
            .await
            .unwrap();
        self.services.consents.start(&code, &link).await.unwrap();
        self.clock.advance(ScriptedProvider::INTERVAL);
        let mut due = self.services.redeemer.claim_due(1, &[]).await.unwrap();
        (due.pop().unwrap(), key)
    }
}

fn error_lines(words: &str) -> usize {
    let log = captured_logs::written();
    log.lines()
        .filter(|line| line.contains("ERROR") && line.contains(words))
        .count()
}

#[tokio::test]
async fn a_poll_that_is_not_recorded_is_logged_now_and_then() {
    let stage = Stage::new().await;
    let (link, _) = stage.due_link().await;
    let outcome = stage.services.redeemer.advance(&link).await;
    stage.store.refuse_recordings(TIMES);
    assert!(
        polls::record(&stage.services.redeemer, &link, &outcome)
            .await
            .is_none()
    );
    assert_eq!(
        error_lines("a poll is not recorded yet"),
        1,
        "{}",
        captured_logs::written()
    );
}

#[tokio::test]
async fn a_revocation_that_is_not_recorded_is_logged_now_and_then() {
    let stage = Stage::new().await;
    let (link, key) = stage.due_link().await;
    let granted = ScriptedProvider::grant("access", Some("refresh"));
    stage.provider.answer_redeem(Ok(granted));
    let done = redeem_to_end(&stage.services.redeemer, link);
    done.await.unwrap();
    let account = stage.store.accounts(None, 1).await.unwrap()[0].id;
    let caller = stage
        .services
        .keys
        .authenticate(Some(&key), std::net::Ipv4Addr::LOCALHOST.into())
        .await
        .unwrap();
    stage.store.refuse_recordings(TIMES);
    let status = stage
        .services
        .accounts
        .delete(&caller, account, Ipv4Addr::LOCALHOST.into())
        .await;
    assert_eq!(status.unwrap(), RevocationStatus::Revoked);
    let words = "a revocation is not recorded yet";
    assert_eq!(error_lines(words), 1, "{}", captured_logs::written());
}

/// The wrong clock also deletes the older entries of the audit log, whose times would show that it is wrong.
#[tokio::test]
async fn no_valid_key_is_deleted_while_the_clock_is_ahead() {
    let stage = Stage::new().await;
    let (link, _) = stage.due_link().await;
    let granted = ScriptedProvider::grant("access", Some("refresh"));
    stage.provider.answer_redeem(Ok(granted));
    let done = redeem_to_end(&stage.services.redeemer, link);
    done.await.unwrap();
    stage.services.audit.store(true).await.unwrap();
    let account = stage.store.accounts(None, 1).await.unwrap()[0].id;

    let right = stage.clock.now();
    stage.clock.set(right + 365 * DAY);
    let (_told, stop) = watch::channel(false);
    stage.store.refuse_audit_reads(1);
    assert!(!purge(&stage.services, &stop).await);
    for _ in 0..2 {
        stage.due_link().await;
        stage.services.audit.store(true).await.unwrap();
        assert!(purge(&stage.services, &stop).await);
    }
    let keys = stage.store.keys(account, None, 10).await.unwrap();
    assert_eq!(keys.len(), 1);
}
