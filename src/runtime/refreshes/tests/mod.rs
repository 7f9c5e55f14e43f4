//! Tests of callers and flights, with a fake store and provider.

mod store_failures;

use std::net::{IpAddr, Ipv4Addr};

use central_oauth_domain::grant::{AccountId, Generation};
use central_oauth_domain::link::Requester;
use central_oauth_domain::ports::{AccountStore, RefreshStore};
use central_oauth_domain::testing::{
    FixedClock, MemoryStore, ScriptedProvider, ports, redeem_to_end, services, settings,
};
use central_oauth_domain::usecases::{Caller, LinkRequest, Services, Visitor};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;

/// One linked account and its refreshes.
struct Stage {
    refreshes: Refreshes,
    /// The refreshes of another process on the same store.
    elsewhere: Refreshes,
    store: Arc<MemoryStore>,
    provider: Arc<ScriptedProvider>,
    clock: FixedClock,
    account: AccountId,
}

/// Shorter than the lease of another process, and than the time for which a flight checks the store (both 15 s).
const SOON: Duration = Duration::from_secs(10);

impl Stage {
    async fn new() -> Self {
        let (clock, store) = (FixedClock::default(), Arc::new(MemoryStore::default()));
        let provider = Arc::new(ScriptedProvider::new("one"));
        let ports = ports(&store, &clock, 5, &provider).await.unwrap();
        let services = services(&ports, &settings());
        link(&services, &provider, &clock).await;
        let account = store.accounts(None, 1).await.unwrap()[0].id;
        Self {
            refreshes: Refreshes::new(services.refresher),
            elsewhere: Refreshes::new(self::services(&ports, &settings()).refresher),
            store,
            provider,
            clock,
            account,
        }
    }

    async fn stored(&self) -> StoredTokens {
        self.store.tokens(self.account).await.unwrap().unwrap()
    }

    async fn request(&self) -> RefreshRequest {
        RefreshRequest::for_better_than(&self.stored().await)
    }

    /// Claims the account as another process would.
    async fn claimed_elsewhere(&self) -> StoredTokens {
        let (seen, now) = (self.stored().await.lease.version, self.now());
        let until = now + Duration::from_secs(15);
        let claimed = self.store.claim_refresh(self.account, seen, now, until);
        claimed.await.unwrap()
    }

    /// Waits until the provider has received a request.
    async fn presented(&self) {
        let asked = async {
            while self.provider.presented().is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, asked).await.unwrap();
    }

    fn now(&self) -> central_oauth_domain::Timestamp {
        use central_oauth_domain::ports::Clock as _;
        self.clock.now()
    }
}

async fn link(services: &Services, provider: &ScriptedProvider, clock: &FixedClock) {
    let request = LinkRequest {
        provider: None,
        requester: Requester::default(),
        ..LinkRequest::default()
    };
    let started = services
        .links
        .start(&Caller::Nobody, request)
        .await
        .unwrap();
    let visitor = Visitor {
        browser: &services.consents.new_browser(),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let link = services
        .consents
        .confirm(started.code.digits(), &visitor)
        .await;
    let link = link.unwrap();
    services.consents.start(&started.code, &link).await.unwrap();
    provider.answer_redeem(Ok(ScriptedProvider::grant("access", Some("refresh"))));
    clock.advance(ScriptedProvider::INTERVAL);
    let due = services.redeemer.claim_due(1, &[]).await.unwrap().pop();
    redeem_to_end(&services.redeemer, due.unwrap())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_callers_share_one_flight() {
    let stage = Stage::new().await;
    // The store is unavailable for a moment, so that all callers arrive while the refresh is in progress.
    stage.store.refuse_recordings(1);
    let request = stage.request().await;
    let mut callers = JoinSet::new();
    for _ in 0..200 {
        let (refreshes, request) = (stage.refreshes.clone(), request.clone());
        callers.spawn(async move { refreshes.refresh(request, SOON).await });
    }
    callers.join_all().await;
    assert_eq!(stage.provider.presented(), ["refresh"]);
    assert_eq!(stage.stored().await.generation, Generation(2));
    // A later caller with the same request causes no second refresh.
    stage.refreshes.refresh(request, SOON).await;
    assert_eq!(stage.provider.presented().len(), 1);
    assert!(stage.refreshes.finish(SOON).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_cancels_nothing() {
    let stage = Stage::new().await;
    stage.store.refuse_recordings(u32::MAX);
    let request = stage.request().await;
    tokio::select! {
        () = stage.refreshes.refresh(request, SOON) => panic!("nothing was waited for"),
        () = stage.presented() => {}
    }
    assert_eq!(stage.stored().await.generation, Generation(1));
    stage.store.refuse_recordings(1);
    assert!(
        stage.refreshes.clone().finish(SOON).await,
        "tokens were saved"
    );
    assert_eq!(stage.stored().await.generation, Generation(2));
    assert_eq!(stage.provider.presented(), ["refresh"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_has_in_hand_is_waited_for() {
    let stage = Stage::new().await;
    let request = stage.request().await;
    let theirs = stage.claimed_elsewhere().await;
    let waiting = {
        let refreshes = stage.refreshes.clone();
        tokio::spawn(async move { refreshes.refresh(request, 2 * SOON).await })
    };
    sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    let result = stage.refreshes.0.refresher.attempt(&theirs).await;
    let (inner, permit) = (&stage.refreshes.0, &mut None);
    inner.record(&theirs, &result, permit).await;
    timeout(SOON, waiting).await.unwrap().unwrap();
    assert_eq!(stage.provider.presented(), ["refresh"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_longer_than_the_timeout() {
    let stage = Stage::new().await;
    let request = stage.request().await;
    stage.claimed_elsewhere().await;
    let started = Instant::now();
    let limit = Duration::from_millis(300);
    stage.refreshes.refresh(request, limit).await;
    assert!((limit..SOON).contains(&started.elapsed()));
    assert!(stage.provider.presented().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_refreshed_until_the_signal_to_stop() {
    let stage = Stage::new().await;
    let (stop, stopped) = watch::channel(false);
    let scheduler = tokio::spawn(stage.refreshes.clone().schedule(stopped));
    sleep(Duration::from_millis(100)).await;
    assert!(stage.provider.presented().is_empty(), "nothing is due");
    stage.clock.advance(Duration::from_secs(3500));
    let refreshed = async {
        while stage.stored().await.generation == Generation::FIRST {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, refreshed).await.unwrap();
    stop.send_replace(true);
    timeout(SOON, scheduler).await.unwrap().unwrap();
    assert!(stage.refreshes.clone().finish(SOON).await);
    stage.clock.advance(Duration::from_secs(3500));
    sleep(Duration::from_millis(100)).await;
    assert_eq!(stage.provider.presented(), ["refresh"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_the_scheduler_gets_goes_to_who_waits_for_it() {
    let stage = Stage::new().await;
    let request = stage.request().await;
    // Another process claims the account and then dies.
    stage.claimed_elsewhere().await;
    let waiting = {
        let refreshes = stage.refreshes.clone();
        tokio::spawn(async move { refreshes.refresh(request, 2 * SOON).await })
    };
    sleep(Duration::from_millis(50)).await;
    // Lets the other process's lease expire. `set` does not change the uptime, so no caller reaches its timeout.
    stage.clock.set(stage.now() + Duration::from_secs(3500));
    let (stop, stopped) = watch::channel(false);
    let scheduler = tokio::spawn(stage.refreshes.clone().schedule(stopped));
    timeout(SOON, waiting).await.unwrap().unwrap();
    assert_eq!(stage.provider.presented(), ["refresh"]);
    stop.send_replace(true);
    scheduler.await.unwrap();
}
