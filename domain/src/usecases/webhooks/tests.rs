use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::audit::{Actor, AuditEvent, AuditKind};
use crate::fault::Fault;
use crate::ports::{ProviderError, WebhookError};
use crate::time::Timestamp;
use crate::usecases::tests::*;

/// Records the sent events. Returns the scripted errors first, then accepts every event.
#[derive(Default)]
struct ScriptedReceiver {
    sent: Mutex<Vec<WebhookEvent>>,
    relink_urls: Mutex<Vec<String>>,
    errors: Mutex<VecDeque<WebhookError>>,
}

#[async_trait]
impl WebhookSender for ScriptedReceiver {
    async fn send(
        &self,
        _receiver: &ReceiverName,
        message: &WebhookMessage,
        _now: Timestamp,
    ) -> Result<(), WebhookError> {
        self.sent.lock().unwrap().push(message.event.clone());
        let url = message.relink_url.iter().map(|url| url.expose().to_owned());
        self.relink_urls.lock().unwrap().extend(url);
        self.errors.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }
}

impl ScriptedReceiver {
    fn be_down(&self, times: usize) {
        let error = WebhookError {
            fault: Fault::new("receiver_unavailable", "gone"),
            retry_after: None,
        };
        self.errors.lock().unwrap().extend(vec![error; times]);
    }

    fn kinds(&self) -> Vec<WebhookKind> {
        let sent = self.sent.lock().unwrap();
        sent.iter().map(|event| event.kind).collect()
    }

    fn last(&self) -> WebhookEvent {
        self.sent.lock().unwrap().last().unwrap().clone()
    }
}

struct Scene {
    stage: Stage,
    receiver: Arc<ScriptedReceiver>,
    dispatcher: WebhookDispatcher,
}

impl Scene {
    async fn with(kinds: &[WebhookKind]) -> Self {
        let stage = Stage::new().await;
        let receiver = Arc::new(ScriptedReceiver::default());
        let mut dispatcher = dispatcher(&stage, &receiver, kinds);
        // Adds the row of the receiver first, because a receiver gets only events that happen after it was added.
        while dispatcher.deliver_next().await.unwrap().is_zero() {}
        Self {
            stage,
            receiver,
            dispatcher,
        }
    }

    /// Stores the audit entries, and delivers until there is nothing left to do now.
    async fn deliver(&mut self) {
        self.stage.audit.store(false).await.unwrap();
        while self.dispatcher.deliver_next().await.unwrap().is_zero() {}
    }

    async fn stored(&self) -> Receiver {
        let name = ReceiverName::parse("ops").unwrap();
        self.stage.store.receiver(&name).await.unwrap().unwrap()
    }

    /// Completes all due refreshes with this response of the provider.
    async fn refresh(&self, answer: Result<(), &str>) {
        let provider = &self.stage.provider;
        match answer {
            Ok(()) => provider.answer_refresh(Ok(ScriptedProvider::tokens("a2", Some("r2")))),
            Err(code) => provider.answer_refresh(Err(refused(code).into())),
        }
        self.stage.clock.advance(secs(3600));
        for lease in self.stage.refresher.claim_due(10, &[]).await.unwrap() {
            let result = self.stage.refresher.attempt(&lease).await;
            let recorded = self.stage.refresher.record_result(&lease, &result).await;
            recorded.unwrap();
        }
    }
}

fn dispatcher(
    stage: &Stage,
    receiver: &Arc<ScriptedReceiver>,
    kinds: &[WebhookKind],
) -> WebhookDispatcher {
    let webhooks = Webhooks {
        receivers: vec![Subscription {
            receiver: ReceiverName::parse("ops").unwrap(),
            kinds: kinds.to_vec(),
        }],
        sender: Arc::clone(receiver) as _,
    };
    WebhookDispatcher::all(&stage.ports, &settings(), &webhooks).remove(0)
}

fn refused(code: &str) -> ProviderError {
    ProviderError::refused(code, "no")
}

#[tokio::test]
async fn the_life_of_an_account_is_told_in_order() {
    let mut scene = Scene::with(WebhookKind::ALL).await;
    scene.stage.linked().await;
    scene.refresh(Err("invalid_request")).await;
    scene.refresh(Ok(())).await;
    scene.refresh(Err("invalid_grant")).await;
    scene.deliver().await;
    let relink = scene.receiver.last();
    assert_eq!(relink.error.as_deref(), Some("invalid_grant"));
    let urls = std::mem::take(&mut *scene.receiver.relink_urls.lock().unwrap());
    assert!(
        matches!(&urls[..], [url] if url.contains(RelinkUrls::PATH)),
        "{urls:?}"
    );
    let account = scene.stage.last_account().await;
    assert_eq!((relink.account, &*relink.provider), (account, "one"));
    let deleted = scene.stage.accounts.delete(&Caller::ADMIN, account, HOME);
    deleted.await.unwrap();
    scene.deliver().await;
    use WebhookKind::*;
    let received = scene.receiver.kinds();
    assert_eq!(
        received,
        [Linked, Degraded, Recovered, RelinkRequired, Deleted]
    );
}

#[tokio::test]
async fn a_receiver_gets_only_what_it_wants() {
    let mut scene = Scene::with(&[WebhookKind::Deleted]).await;
    scene.stage.linked().await;
    scene.deliver().await;
    assert!(scene.receiver.kinds().is_empty());
    assert_eq!(scene.stored().await.position, AuditNumber(0), "no write");
}

#[tokio::test]
async fn a_clock_that_was_ahead_for_a_moment_delays_no_event() {
    let mut scene = Scene::with(WebhookKind::ALL).await;
    let before = scene.stage.clock_now();
    scene.receiver.be_down(1);
    scene.stage.clock.set(before + secs(600));
    scene.stage.linked().await;
    scene.deliver().await;
    assert_eq!(scene.stored().await.failures, 1);
    scene.stage.clock.set(before);
    scene.deliver().await;
    assert_eq!(scene.receiver.kinds().len(), 2);
}

#[tokio::test]
async fn a_receiver_that_is_down_loses_nothing() {
    let mut scene = Scene::with(WebhookKind::ALL).await;
    scene.receiver.be_down(3);
    scene.stage.linked().await;
    scene.deliver().await;
    assert_eq!(scene.stored().await.failures, 1);
    scene.deliver().await;
    assert_eq!(scene.receiver.kinds().len(), 1, "it is not due yet");
    for _ in 0..3 {
        scene.stage.clock.advance(secs(10));
        scene.deliver().await;
    }
    let sent = scene.receiver.sent.lock().unwrap();
    let ids: Vec<_> = sent.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| *id == ids[0]), "the same id each time");
}

#[tokio::test]
async fn of_two_replicas_one_delivers() {
    let mut scene = Scene::with(WebhookKind::ALL).await;
    let replica = scene.stage.another_replica().await;
    let mut other = dispatcher(&replica, &scene.receiver, WebhookKind::ALL);
    scene.stage.linked().await;
    scene.stage.audit.store(false).await.unwrap();
    let claimed = scene.stored().await.claimed(scene.stage.clock_now());
    assert!(scene.dispatcher.save(&claimed).await.unwrap());
    scene.deliver().await;
    other.deliver_next().await.unwrap();
    assert!(scene.receiver.kinds().is_empty(), "another replica has it");
    // The replica that has claimed the receiver is gone, and its lease expires.
    scene.stage.clock.advance(secs(30));
    assert!(other.deliver_next().await.unwrap().is_zero());
    scene.deliver().await;
    assert_eq!(scene.receiver.kinds(), [WebhookKind::Linked]);
}

#[tokio::test]
async fn what_happened_before_a_receiver_was_configured_is_not_told() {
    let stage = Stage::new().await;
    stage.linked().await;
    stage.audit.store(false).await.unwrap();
    let receiver = Arc::new(ScriptedReceiver::default());
    let mut dispatcher = dispatcher(&stage, &receiver, WebhookKind::ALL);
    while dispatcher.deliver_next().await.unwrap().is_zero() {}
    assert!(receiver.kinds().is_empty());
}

/// Returns the dispatcher of a restarted service.
async fn restarted(scene: &Scene) -> WebhookDispatcher {
    dispatcher(&scene.stage, &scene.receiver, WebhookKind::ALL)
}

/// Returns how many audit entries say that somebody else has changed the receiver.
async fn altered(scene: &Scene) -> usize {
    let kind = Some(AuditKind::ReceiverAltered);
    let filter = AuditFilter {
        kind,
        ..AuditFilter::default()
    };
    scene.stage.audit.store(false).await.unwrap();
    let found = scene.stage.store.audit_entries(&filter, AuditNumber(0), 9);
    found.await.unwrap().len()
}

#[tokio::test]
async fn a_receiver_whose_row_was_changed_skips_no_event() {
    let mut scene = Scene::with(WebhookKind::ALL).await;
    scene.stage.linked().await;
    scene.deliver().await;
    scene.refresh(Err("invalid_request")).await;
    scene.stage.audit.store(false).await.unwrap();
    // Somebody without the secret key moves the receiver's position behind the last entry.
    let stored = scene.stored().await;
    let moved = stored.skipped(AuditNumber(99));
    assert!(scene.stage.store.save_receiver(&moved).await.unwrap());
    scene.deliver().await;
    use WebhookKind::*;
    assert_eq!(scene.receiver.kinds(), [Linked, Degraded]);
    assert_eq!(altered(&scene).await, 1);
    // After a restart, the service does not know what was delivered, so it sends everything again.
    let moved = scene.stored().await.skipped(AuditNumber(99));
    assert!(scene.stage.store.save_receiver(&moved).await.unwrap());
    scene.dispatcher = restarted(&scene).await;
    scene.deliver().await;
    assert_eq!(scene.receiver.kinds(), [Linked, Degraded, Linked, Degraded]);
    assert_eq!(altered(&scene).await, 2);
}

#[tokio::test]
async fn a_receiver_whose_row_was_deleted_skips_no_event() {
    let mut scene = Scene::with(WebhookKind::ALL).await;
    scene.stage.linked().await;
    scene.stage.audit.store(false).await.unwrap();
    scene.stage.store.forget_receivers();
    scene.dispatcher = restarted(&scene).await;
    scene.deliver().await;
    assert_eq!(scene.receiver.kinds(), [WebhookKind::Linked]);
    assert_eq!(altered(&scene).await, 1);
}

#[tokio::test]
async fn a_new_log_is_told_from_its_beginning() {
    let mut scene = Scene::with(WebhookKind::ALL).await;
    scene.stage.linked().await;
    scene.deliver().await;
    // A new log begins while the service is stopped.
    scene.stage.store.begin_new_audit_log();
    scene.dispatcher = restarted(&scene).await;
    scene.refresh(Err("invalid_request")).await;
    scene.deliver().await;
    // Another new log begins while the service runs, so the dispatcher sees the empty log.
    scene.stage.store.begin_new_audit_log();
    while scene.dispatcher.deliver_next().await.unwrap().is_zero() {}
    scene.refresh(Ok(())).await;
    scene.deliver().await;
    use WebhookKind::*;
    assert_eq!(scene.receiver.kinds(), [Linked, Degraded, Recovered]);
    assert_eq!(altered(&scene).await, 0);
}

/// Delivers an event and skips two entries, which are lost afterwards.
async fn with_lost_entries() -> Scene {
    let mut scene = Scene::with(WebhookKind::ALL).await;
    scene.stage.linked().await;
    scene.deliver().await;
    let ends = scene.stage.store.audit_ends().await.unwrap().unwrap();
    record_for_others(&scene, 2);
    scene.deliver().await;
    scene.stage.store.cut_audit_log(ends);
    scene
}

#[tokio::test]
async fn a_log_that_has_lost_entries_is_not_told_again() {
    let mut scene = with_lost_entries().await;
    scene.deliver().await;
    scene.refresh(Err("invalid_request")).await;
    scene.deliver().await;
    use WebhookKind::*;
    assert_eq!(scene.receiver.kinds(), [Linked, Degraded]);
    assert_eq!(altered(&scene).await, 0);
}

#[tokio::test]
async fn events_with_the_numbers_of_lost_entries_are_told() {
    let mut scene = with_lost_entries().await;
    // The log has as many entries as before when the dispatcher reads it again.
    scene.refresh(Err("invalid_request")).await;
    scene.refresh(Ok(())).await;
    scene.deliver().await;
    use WebhookKind::*;
    assert_eq!(scene.receiver.kinds(), [Linked, Degraded, Recovered]);
}

#[tokio::test]
async fn an_account_that_ends_with_its_token_needs_a_person_although_nobody_asks() {
    let mut scene = Scene::with(WebhookKind::ALL).await;
    let stage = &scene.stage;
    let (code, _) = stage.started().await;
    stage.confirm(&code).await.unwrap();
    let granted = ScriptedProvider::grant("access-1", None);
    stage.provider.answer_redeem(Ok(granted));
    stage.poll_providers().await;
    for _ in 0..3 {
        stage.grant_ends.announce(10).await.unwrap();
        stage.grant_ends.give_up_expired(10).await.unwrap();
        stage.clock.advance(secs(3600));
    }
    scene.deliver().await;
    use WebhookKind::*;
    let received = scene.receiver.kinds();
    assert_eq!(received, [Linked, ExpiresSoon, RelinkRequired]);
    let error = scene.receiver.last().error;
    assert_eq!(error.as_deref(), Some("access_token_expired"));
    assert_eq!(scene.receiver.relink_urls.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn after_a_restore_only_those_recover_that_were_degraded() {
    let mut scene = Scene::with(WebhookKind::ALL).await;
    scene.stage.linked().await;
    let restored = async |scene: &Scene| {
        let store = scene.stage.store.as_ref();
        let entropy = seeded_entropy(5);
        crate::usecases::after_restore(store, &scene.stage.clock, &entropy)
            .await
            .unwrap()
    };
    assert_eq!(restored(&scene).await, 1);
    scene.refresh(Ok(())).await;
    scene.refresh(Err("invalid_request")).await;
    assert_eq!(restored(&scene).await, 1);
    scene.refresh(Ok(())).await;
    scene.deliver().await;
    use WebhookKind::*;
    assert_eq!(scene.receiver.kinds(), [Linked, Degraded, Recovered]);
}

/// Records entries that are not for receivers.
fn record_for_others(scene: &Scene, count: usize) {
    for _ in 0..count {
        let event = AuditEvent::new(AuditKind::KeyCreated);
        scene.stage.audit.record(event, Actor::Service, None);
    }
}

#[tokio::test]
async fn many_entries_for_others_are_passed_over() {
    let mut scene = Scene::with(WebhookKind::ALL).await;
    record_for_others(&scene, 1_200);
    scene.stage.linked().await;
    scene.deliver().await;
    assert_eq!(scene.receiver.kinds(), [WebhookKind::Linked]);
    assert!(scene.stored().await.position >= AuditNumber(1_000));
}
