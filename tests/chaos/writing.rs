//! Clients that write: they link accounts, link them again and delete them, create and delete keys, and refresh on
//! demand.
//!
//! A write without a 2xx response promises nothing: it may have happened or not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use central_oauth_test_sandbox::Sandbox;
use reqwest::{Client, RequestBuilder};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::support::http::{self, Answer};
use crate::support::linking::try_confirm;
use crate::support::service::Service;

use super::asking::Account;
use super::promises::Promise;

/// Number of clients that write. While one waits for a link, which takes long, the others write.
const WRITERS: usize = 3;
/// The longest pause between two writes.
const PAUSE: Duration = Duration::from_millis(300);
/// When a client gives up waiting for a link.
const LINKED_WITHIN: Duration = Duration::from_secs(12);
/// The pause between two polls.
const POLL_EVERY: Duration = Duration::from_millis(1100);

/// The results of the writes.
#[derive(Clone, Default)]
pub(super) struct Written {
    pub(super) promises: Vec<Promise>,
    /// Responses that no write may get.
    pub(super) unexpected: Vec<String>,
    pub(super) relinks: usize,
}

/// Clients that write.
pub(super) struct Writing {
    over: Arc<AtomicBool>,
    written: Arc<Mutex<Written>>,
    tasks: Vec<JoinHandle<()>>,
}

struct Writer {
    sandbox: Arc<Sandbox>,
    urls: Vec<String>,
    accounts: Arc<Vec<Account>>,
    over: Arc<AtomicBool>,
    written: Arc<Mutex<Written>>,
    dice: fastrand::Rng,
    http: Client,
    /// Whether the times in the service's responses can go back.
    clock_steps: bool,
    /// Created keys: account, id and secret.
    keys: Vec<(String, String, String)>,
    /// Accounts that this client linked: id and key.
    linked: Vec<(String, String)>,
}

impl Writing {
    /// Starts the clients.
    pub(super) fn start(
        sandbox: &Arc<Sandbox>,
        urls: &[String],
        accounts: &Arc<Vec<Account>>,
        seed: u64,
        clock_steps: bool,
    ) -> Self {
        let (over, written) = (Arc::default(), Arc::default());
        let mut dice = fastrand::Rng::with_seed(seed ^ 0x0077_7269_7465);
        let writers = (0..WRITERS).map(|_| Writer {
            sandbox: Arc::clone(sandbox),
            urls: urls.to_vec(),
            accounts: Arc::clone(accounts),
            over: Arc::clone(&over),
            written: Arc::clone(&written),
            dice: dice.fork(),
            http: http::client(),
            clock_steps,
            keys: Vec::new(),
            linked: Vec::new(),
        });
        let tasks = writers.map(|writer| tokio::spawn(writer.run())).collect();
        Self {
            over,
            written,
            tasks,
        }
    }

    /// Ends the clients and returns their results.
    pub(super) async fn stop(self) -> Written {
        self.over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("a writer has failed");
        }
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.clone()
    }
}

impl Writer {
    async fn run(mut self) {
        while !self.over.load(Ordering::Relaxed) {
            sleep(PAUSE.mul_f64(self.dice.f64())).await;
            match self.dice.u8(..10) {
                0..=2 => self.ask_for_code().await,
                3..=4 => self.make_key().await,
                5 if self.keys.is_empty() => self.make_key().await,
                5 => self.delete_key().await,
                6 => self.refresh().await,
                7 => self.link().await,
                8 if self.linked.is_empty() => self.link().await,
                8 => self.delete_account().await,
                _ => self.link_again().await,
            }
        }
        // Makes these writes at least once in each run, however slow it was.
        self.make_key().await;
        self.delete_key().await;
        if self.linked.is_empty() {
            self.link().await;
        }
        self.delete_account().await;
    }

    async fn ask_for_code(&mut self) {
        if let Some((code, key)) = self.code(None).await {
            self.promise(Promise::LinkCode { code, key });
        }
    }

    /// Requests a link code; with a key as bearer, to link its account again.
    async fn code(&mut self, bearer: Option<&str>) -> Option<(String, String)> {
        let url = self.url("/v1/link-code");
        let mut request = self.http.post(url);
        if let Some(key) = bearer {
            request = request.bearer_auth(key);
        }
        let answer = self.send(request, 201).await?;
        let key = answer.json["access_key"].as_str().or(bearer)?;
        Some((answer.str("link_code").to_owned(), key.to_owned()))
    }

    async fn make_key(&mut self) {
        let account = self.account().id.clone();
        let path = self.url(&format!("/v1/accounts/{account}/keys"));
        let request = self.http.post(path).bearer_auth(Service::ADMIN_KEY);
        let named = request.json(&serde_json::json!({ "name": "chaos" }));
        if let Some(answer) = self.send(named, 201).await {
            let (id, key) = (answer.str("id"), answer.str("access_key"));
            let made = (account.clone(), id.to_owned(), key.to_owned());
            self.keys.push(made);
            let key = key.to_owned();
            self.promise(Promise::KeyMade { account, key });
        }
    }

    async fn delete_key(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        let chosen = self.dice.usize(..self.keys.len());
        let (account, id, key) = self.keys.swap_remove(chosen);
        // From now on it is unknown whether the key still exists.
        self.withdraw(
            |promise| matches!(promise, Promise::KeyMade { key: made, .. } if *made == key),
        );
        let path = self.url(&format!("/v1/accounts/{account}/keys/{id}"));
        let request = self.http.delete(path).bearer_auth(Service::ADMIN_KEY);
        if self.send(request, 204).await.is_some() {
            self.promise(Promise::KeyDeleted { account, key });
        }
    }

    async fn refresh(&mut self) {
        let account = self.account().id.clone();
        let path = self.url(&format!("/v1/accounts/{account}/refresh"));
        let request = self.http.post(path).bearer_auth(Service::ADMIN_KEY);
        if let Some(answer) = self.send(request, 200).await
            && !self.clock_steps
            && let Some(at) = answer.json["last_refreshed_at"].as_str()
        {
            let at = at.to_owned();
            self.promise(Promise::Refreshed { account, at });
        }
    }

    /// Links the account of a new person.
    async fn link(&mut self) {
        let Some((code, key)) = self.code(None).await else {
            return;
        };
        let base = self.url("");
        if try_confirm(&self.http, &base, &code).await.is_err() {
            return;
        }
        if let Some(account) = self.wait_until_linked(&code, &key).await {
            self.linked.push((account, key.clone()));
            self.promise(Promise::Linked { key });
        }
    }

    /// Links an account again, with the consent of the same person.
    async fn link_again(&mut self) {
        let number = self.dice.usize(..self.accounts.len());
        let accounts = Arc::clone(&self.accounts);
        let account = &accounts[number];
        let Some((code, key)) = self.code(Some(&account.key)).await else {
            return;
        };
        let base = self.url("");
        let Ok(page) = try_confirm(&self.http, &base, &code).await else {
            return;
        };
        let user_code = page.split("user_code=").nth(1);
        let user_code = user_code.and_then(|rest| rest.split(['"', '&']).next());
        // If this is too late, another person consents, which the service rejects.
        let is_known = user_code.is_some_and(|code| self.sandbox.consent_as(code, &account.person));
        if is_known && self.wait_until_linked(&code, &key).await.is_some() {
            self.note(|written| written.relinks += 1);
        }
    }

    /// Waits for a link and returns the id of its account.
    async fn wait_until_linked(&mut self, code: &str, key: &str) -> Option<String> {
        let began = self.sandbox.elapsed();
        while self.sandbox.elapsed() < began + LINKED_WITHIN {
            sleep(POLL_EVERY).await;
            let url = self.url(&format!("/v1/poll/{code}"));
            let poll = self.http.get(url);
            let answer = http::try_send(poll.bearer_auth(key)).await.ok();
            let json = answer.map(|answer| answer.json).unwrap_or_default();
            match json["status"].as_str() {
                Some("linked") => return json["account"]["id"].as_str().map(str::to_owned),
                Some("denied" | "expired" | "failed") => return None,
                _ => {}
            }
        }
        None
    }

    async fn delete_account(&mut self) {
        if self.linked.is_empty() {
            return;
        }
        let chosen = self.dice.usize(..self.linked.len());
        let (account, key) = self.linked.swap_remove(chosen);
        self.withdraw(
            |promise| matches!(promise, Promise::Linked { key: linked } if *linked == key),
        );
        let url = self.url("/v1/token");
        let token = self.http.get(url).bearer_auth(&key);
        let token = self.send(token, 200).await;
        let url = self.url(&format!("/v1/accounts/{account}"));
        let request = self.http.delete(url);
        if let Some(answer) = self.send(request.bearer_auth(&key), 200).await {
            let is_revoked = answer.json["provider_revocation"] == "revoked";
            let token = token.map(|token| token.str("access_token").to_owned());
            self.promise(Promise::AccountDeleted {
                account,
                key,
                revoked: token.filter(|_| is_revoked),
            });
        }
    }

    /// Sends a write. Returns its response if it was a success.
    async fn send(&self, request: RequestBuilder, success: u16) -> Option<Answer> {
        let answer = http::try_send(request).await.ok()?;
        let status = answer.status.as_u16();
        if status == success {
            return Some(answer);
        }
        let may_retry = status == 503 && !answer.header("retry-after").is_empty();
        // A grant may be lost with an excuse, an earlier attempt may have deleted the target, and the provider may
        // refuse or fail.
        if !may_retry && !matches!(status, 401 | 404 | 409 | 429 | 502) {
            let what = format!("{status} {}", answer.text);
            self.note(|written| written.unexpected.push(what));
        }
        None
    }

    fn account(&mut self) -> &Account {
        let number = self.dice.usize(..self.accounts.len());
        &self.accounts[number]
    }

    fn url(&mut self, path: &str) -> String {
        let number = self.dice.usize(..self.urls.len());
        format!("{}{path}", self.urls[number])
    }

    fn promise(&self, promise: Promise) {
        self.note(|written| written.promises.push(promise));
    }

    fn withdraw(&self, is_it: impl Fn(&Promise) -> bool) {
        self.note(|written| written.promises.retain(|promise| !is_it(promise)));
    }

    fn note(&self, write: impl FnOnce(&mut Written)) {
        write(&mut self.written.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
