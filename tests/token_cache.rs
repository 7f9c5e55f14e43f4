//! Several processes of the real binary on one database serve cached tokens. Meanwhile keys and accounts are deleted,
//! accounts are refreshed and linked again, and processes are stopped for a while. No request that is sent after an
//! acknowledged deletion gets a token.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use central_oauth_test_postgres::{Cluster, Database};
use central_oauth_test_sandbox::{AutoPerson, Sandbox, SandboxOptions};
use futures_util::future::{join, join_all};
use reqwest::{Client, Method};
use rustix::process::Signal;
use sea_orm::ConnectionTrait as _;
use serde_json::json;
use tokio::time::sleep;

use crate::support::http::{self, Answer};
use crate::support::linking::{link, try_confirm};
use crate::support::process::eventually;
use crate::support::sandbox;
use crate::support::service::Service;

/// The interval at which each key is used at each process.
const SHOWN_EVERY: Duration = Duration::from_millis(25);
/// Requests to each process after an acknowledged deletion, in less time than a token is cached.
const SENT_AFTERWARDS: usize = 5;

/// Processes on one database, and their provider.
struct Scene {
    services: Vec<Service>,
    client: Client,
    /// Deletions that were acknowledged.
    deleted: AtomicUsize,
    /// Tokens that were served after a deletion.
    served: AtomicUsize,
    /// Tokens that were served before.
    served_before: AtomicUsize,
    _sandbox: Sandbox,
}

impl Scene {
    async fn new(processes: usize, database: Option<Database>, auto_person: AutoPerson) -> Self {
        let sandbox = sandbox::start(SandboxOptions {
            auto_person,
            ..sandbox::consenting()
        })
        .await;
        let mut services = Vec::<Service>::new();
        for _ in 0..processes {
            let mut service = Service::patient_for(&sandbox);
            match (&database, services.first()) {
                (Some(database), _) => service.set("DATABASE_URL", &database.url),
                (None, Some(first)) => {
                    let file = first.file("central-oauth.sqlite3");
                    service.set("DB_PATH", &file.display().to_string());
                }
                (None, None) => {}
            }
            service.run().await;
            services.push(service);
        }
        Self {
            services,
            client: http::client(),
            deleted: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
            served_before: AtomicUsize::new(0),
            _sandbox: sandbox,
        }
    }

    fn any(&self) -> &Service {
        &self.services[fastrand::usize(..self.services.len())]
    }

    /// Sends a request with the admin key to any of the processes.
    async fn admin(&self, method: Method, path: &str) -> Answer {
        loop {
            let request = self.client.request(method.clone(), self.any().url(path));
            let request = request.bearer_auth(Service::ADMIN_KEY);
            let request = request.json(&json!({"name": "short-lived"}));
            // A process that was stopped for a while closes connections that seem idle.
            if let Ok(answer) = http::try_send(request).await {
                return answer;
            }
        }
    }

    /// Returns whether a process serves the token of a key.
    async fn is_served(&self, service: &Service, key: &str) -> bool {
        let request = self.client.get(service.url("/v1/token"));
        let answer = http::try_send(request.bearer_auth(key)).await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// Links an account. Returns its key, unless a stopped process prevented that.
    async fn try_link(&self) -> Option<String> {
        let service = self.any();
        let request = self.client.post(service.url("/v1/link-code"));
        let code = http::try_send(request).await.ok()?;
        if code.status != 201 {
            return None;
        }
        let (digits, key) = (code.str("link_code"), code.str("access_key"));
        let confirmed = try_confirm(&self.client, &service.url(""), digits).await;
        confirmed.ok()?;
        for _ in 0..100 {
            if self.is_served(self.any(), key).await {
                return Some(key.to_owned());
            }
            sleep(Duration::from_millis(100)).await;
        }
        None
    }

    async fn account_of(&self, key: &str) -> String {
        loop {
            let request = self.client.get(self.any().url("/v1/token"));
            if let Ok(answer) = http::try_send(request.bearer_auth(key)).await {
                let account = answer.json["account"]["id"].as_str();
                return account.expect("no account").to_owned();
            }
        }
    }

    /// Deletes this resource, while all processes get requests for the token of one of its keys.
    async fn delete(&self, path: &str, key: &str) {
        for service in &self.services {
            while !self.is_served(service, key).await {}
        }
        let is_acknowledged = AtomicBool::new(false);
        let deleting = async {
            sleep(Duration::from_millis(fastrand::u64(..60))).await;
            // A process that was stopped during a transaction may have blocked others.
            while self
                .admin(Method::DELETE, path)
                .await
                .status
                .is_server_error()
            {}
            is_acknowledged.store(true, Ordering::SeqCst);
            self.deleted.fetch_add(1, Ordering::Relaxed);
        };
        let asking = self.services.iter().map(async |service| {
            let mut sent_afterwards = 0;
            while sent_afterwards < SENT_AFTERWARDS {
                let is_afterwards = is_acknowledged.load(Ordering::SeqCst);
                let is_served = usize::from(self.is_served(service, key).await);
                if is_afterwards {
                    sent_afterwards += 1;
                    self.served.fetch_add(is_served, Ordering::Relaxed);
                } else {
                    self.served_before.fetch_add(is_served, Ordering::Relaxed);
                }
                sleep(SHOWN_EVERY).await;
            }
        });
        join(deleting, join_all(asking)).await;
    }

    /// Creates and deletes keys of an account, until this many deletions have been acknowledged.
    async fn delete_keys(&self, account: &str, most: usize) {
        let keys = format!("/v1/accounts/{account}/keys");
        while self.deleted.load(Ordering::Relaxed) < most {
            let created = self.admin(Method::POST, &keys).await;
            if created.status.is_server_error() {
                continue;
            }
            let created = created.expect(201);
            let path = format!("{keys}/{}", created.str("id"));
            self.delete(&path, created.str("access_key")).await;
        }
    }

    /// Links accounts and deletes them again.
    async fn delete_accounts(&self, most: usize) {
        while self.deleted.load(Ordering::Relaxed) < most {
            let Some(key) = self.try_link().await else {
                continue;
            };
            let account = self.account_of(&key).await;
            self.delete(&format!("/v1/accounts/{account}"), &key).await;
        }
    }

    /// Refreshes an account and links it again, at random, for ever.
    async fn renew(&self, account: &str, owner: &str) {
        loop {
            sleep(Duration::from_millis(fastrand::u64(100..500))).await;
            if fastrand::u8(..3) > 0 {
                let path = format!("/v1/accounts/{account}/refresh");
                self.admin(Method::POST, &path).await;
                continue;
            }
            let service = self.any();
            let request = self.client.post(service.url("/v1/link-code"));
            let code = http::try_send(request.bearer_auth(owner)).await;
            if let Ok(code) = code
                && code.status == 201
            {
                // Another link may have been confirmed meanwhile.
                let _ = try_confirm(&self.client, &service.url(""), code.str("link_code")).await;
            }
        }
    }

    /// Stops processes for a while, one at a time, for ever.
    async fn stop_now_and_then(&self) {
        loop {
            sleep(Duration::from_millis(fastrand::u64(200..600))).await;
            let service = self.any();
            service.signal(Signal::STOP);
            sleep(Duration::from_millis(fastrand::u64(50..1200))).await;
            service.signal(Signal::CONT);
        }
    }

    /// Deletes under these troubles, and asserts that no token was served after a deletion.
    async fn withstands(&self, deleting: impl Future, trouble: impl Future<Output = ()>) {
        tokio::select! {
            _ = deleting => {}
            () = trouble => {}
            () = self.stop_now_and_then() => {}
        }
        for service in &self.services {
            service.signal(Signal::CONT);
        }
        let [deleted, before, served] = [&self.deleted, &self.served_before, &self.served]
            .map(|count| count.load(Ordering::SeqCst));
        eprintln!("{deleted} deletions; tokens served before: {before}, afterwards: {served}");
        assert_eq!(
            served, 0,
            "tokens were served after an acknowledged deletion"
        );
        assert!(before > deleted);
    }
}

/// The number of deletions.
struct Size {
    clients: usize,
    keys: usize,
    accounts: usize,
}

const SHORT: Size = Size {
    clients: 8,
    keys: 16,
    accounts: 0,
};

/// Deletes keys of one account, which is refreshed and linked again meanwhile. Then deletes this account and more
/// accounts.
async fn delete_and_ask(processes: usize, is_on_server: bool, size: &Size) {
    let database = || is_on_server.then(|| Cluster::shared().create_database());
    let scene = Scene::new(processes, database(), AutoPerson::Alice).await;
    let owner = link(&scene.services[0]).await;
    let account = scene.account_of(&owner).await;
    let deleting = async {
        join_all((0..size.clients).map(|_| scene.delete_keys(&account, size.keys))).await;
        scene
            .delete(&format!("/v1/accounts/{account}"), &owner)
            .await;
    };
    scene
        .withstands(deleting, scene.renew(&account, &owner))
        .await;
    if size.accounts == 0 {
        return;
    }

    let scene = Scene::new(processes, database(), AutoPerson::SomebodyNew).await;
    let deleting = (0..size.clients).map(|_| scene.delete_accounts(size.accounts));
    scene.withstands(join_all(deleting), pending()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_follows_a_deletion_with_three_replicas_on_postgresql() {
    delete_and_ask(3, true, &SHORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_follows_a_deletion_with_two_processes_on_one_file() {
    delete_and_ask(2, false, &SHORT).await;
}

/// Without a request, only the task that confirms cached tokens asks the store. It logs when that fails.
#[tokio::test(flavor = "multi_thread")]
async fn remembered_tokens_are_confirmed_by_a_running_service() {
    let sandbox = sandbox::start(sandbox::consenting()).await;
    let mut service = Service::patient_for(&sandbox);
    service.set("LOG", "debug");
    service.run().await;
    let key = link(&service).await;
    let file = service.file("central-oauth.sqlite3");
    let database = sea_orm::Database::connect(format!("sqlite://{}", file.display()));
    let database = database.await.unwrap();
    let token = http::client().get(service.url("/v1/token"));
    http::send(token.bearer_auth(&key)).await.expect(200);
    database
        .execute_unprepared("ALTER TABLE access_keys RENAME TO gone")
        .await
        .unwrap();
    eventually(Duration::from_secs(20), "a confirmation", async || {
        service
            .logs()
            .contains("cached tokens could not be confirmed")
    })
    .await;
}

/// Takes minutes. `TOKEN_CACHE_DELETIONS` says how many keys are deleted.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn no_token_follows_ten_thousand_deletions() {
    let variable = std::env::vars_os().find(|(name, _)| name == "TOKEN_CACHE_DELETIONS");
    let keys = variable.map_or(10_000, |(_, value)| {
        let value = value.to_string_lossy().parse();
        value.expect("TOKEN_CACHE_DELETIONS is no number")
    });
    let long = Size {
        clients: 32,
        keys,
        accounts: keys / 20,
    };
    delete_and_ask(3, true, &long).await;
}
