//! Clients that request tokens and use them, without pause.
//!
//! Half of them disconnect after half a second, which must cancel nothing. The other half wait as long as real clients
//! do. Once an account has no token, another task asks for it at every process until it has one: see
//! [`super::pursuit`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use central_oauth_test_sandbox::Sandbox;
use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::http::{self, Answer};

use super::liveness::Gap;
use super::pursuit;

/// How long an impatient client waits for a response.
pub(super) const TIMEOUT: Duration = Duration::from_millis(500);
/// How long a patient client waits.
const LONG_PATIENCE: Duration = Duration::from_secs(20);
/// The service promises an answer within this time.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// The pause after a process was down.
const NOBODY: Duration = Duration::from_millis(20);

/// A linked account.
pub(super) struct Account {
    pub(super) id: String,
    /// The `sub` of its person at the provider.
    pub(super) person: String,
    pub(super) key: String,
}

/// An access token that the provider rejected.
#[derive(Clone)]
pub(super) struct Rejection {
    pub(super) account: usize,
    pub(super) token: String,
    pub(super) asked_at: Duration,
    pub(super) rejected_at: Duration,
    /// The `expires_in` of the service's response.
    pub(super) expires_in: u64,
}

/// An access token, as clients got it.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) account: usize,
    /// When it was first served.
    pub(super) served_at: Duration,
    /// When the latest request that returned this token was sent.
    pub(super) asked_at: Duration,
}

/// A request whose response came too late, or not before the client left.
#[derive(Clone, Debug)]
pub(super) struct Late {
    pub(super) process: usize,
    pub(super) asked_at: Duration,
    /// When the answer came or the client left.
    pub(super) until: Duration,
}

/// The observations of all clients.
#[derive(Clone, Default)]
pub(super) struct Tally {
    pub(super) served: usize,
    /// 503 with `Retry-After`.
    pub(super) put_off: usize,
    /// The process was down, or the response was incomplete or too late: which process, and when.
    pub(super) unanswered: Vec<(usize, Duration)>,
    /// Responses to waiting clients that took longer than the service promises.
    pub(super) late: Vec<Late>,
    /// Account, and a token of another person.
    pub(super) wrong: Vec<(usize, String)>,
    pub(super) rejected: Vec<Rejection>,
    /// Account and response.
    pub(super) unexpected: Vec<(usize, String)>,
    /// All served access tokens.
    pub(super) seen: HashMap<String, Seen>,
    /// The periods in which an account had no token.
    pub(super) gaps: Vec<Gap>,
    /// Since when an account has had none.
    without: HashMap<usize, Duration>,
}

impl Tally {
    /// Records that an account has no token. Returns whether that is news.
    fn misses(&mut self, account: usize, since: Duration) -> bool {
        let is_news = !self.without.contains_key(&account);
        self.without.entry(account).or_insert(since);
        is_news
    }

    fn has_token(&mut self, account: usize, now: Duration) {
        // The answers of two requests may be counted in the wrong order.
        if let Some(from) = self.without.remove(&account).filter(|from| *from < now) {
            let to = now;
            self.gaps.push(Gap { account, from, to });
        }
    }

    /// Ends the open gaps.
    fn close(&mut self, now: Duration) {
        let open: Vec<_> = self.without.keys().copied().collect();
        open.into_iter()
            .for_each(|account| self.has_token(account, now));
    }

    /// Returns whether an account has no token now.
    pub(super) fn lacks_token(&self, account: usize) -> bool {
        self.without.contains_key(&account)
    }
}

/// Running clients.
pub(super) struct Asking {
    asker: Asker,
    clients: JoinSet<()>,
}

/// One client. Clones share the results.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) urls: Vec<String>,
    pub(super) accounts: Arc<Vec<Account>>,
    over: Arc<AtomicBool>,
    tally: Arc<Mutex<Tally>>,
    pursuits: Arc<Mutex<JoinSet<()>>>,
    patience: Duration,
    dice: fastrand::Rng,
    http: Client,
}

impl Asking {
    /// Starts this many clients; each asks for any account at any process.
    pub(super) fn start(
        sandbox: &Arc<Sandbox>,
        urls: &[String],
        accounts: &Arc<Vec<Account>>,
        clients: usize,
        seed: u64,
    ) -> Self {
        let mut asker = Asker {
            sandbox: Arc::clone(sandbox),
            urls: urls.to_vec(),
            accounts: Arc::clone(accounts),
            over: Arc::default(),
            tally: Arc::default(),
            pursuits: Arc::default(),
            patience: TIMEOUT,
            dice: fastrand::Rng::with_seed(seed),
            http: http::client(),
        };
        let mut running = JoinSet::new();
        for number in 0..clients {
            let patience = [TIMEOUT, LONG_PATIENCE][number % 2];
            let dice = asker.dice.fork();
            let client = Asker {
                patience,
                dice,
                http: http::client(),
                ..asker.clone()
            };
            running.spawn(client.run());
        }
        Self {
            asker,
            clients: running,
        }
    }

    /// Ends the clients and returns their observations.
    pub(super) async fn stop(self) -> Tally {
        self.asker.over.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
        let pursuits = std::mem::take(&mut *lock(&self.asker.pursuits));
        pursuits.join_all().await;
        let mut tally = lock(&self.asker.tally).clone();
        tally.close(self.asker.sandbox.elapsed());
        tally
    }
}

impl Asker {
    async fn run(mut self) {
        while !self.is_over() {
            let account = self.dice.usize(..self.accounts.len());
            let process = self.dice.usize(..self.urls.len());
            // Sometimes a client asks for a token with a long lifetime, which may cause an early refresh.
            let wish = if self.dice.u8(..8) == 0 {
                "?min_ttl=1"
            } else {
                ""
            };
            if !self.ask(account, process, wish).await {
                sleep(NOBODY).await;
            }
        }
    }

    /// Asks once. Returns whether the process was up.
    pub(super) async fn ask(&self, account: usize, process: usize, wish: &str) -> bool {
        let key = &self.accounts[account].key;
        let request = self
            .http
            .get(format!("{}/v1/token{wish}", self.urls[process]));
        let asked_at = self.sandbox.elapsed();
        let answer = timeout(self.patience, http::try_send(request.bearer_auth(key))).await;
        let until = self.sandbox.elapsed();
        // After a long wait the client knows only that the account has no token now, so the gap begins now.
        let is_hurried = self.patience == TIMEOUT;
        let since = if is_hurried { asked_at } else { until };
        let has_left = answer.is_err();
        if until > asked_at + ANSWER_WITHIN && (has_left || matches!(answer, Ok(Ok(_)))) {
            let late = Late {
                process,
                asked_at,
                until,
            };
            self.note(|tally| tally.late.push(late));
        }
        let Ok(Ok(answer)) = answer else {
            self.note(|tally| tally.unanswered.push((process, asked_at)));
            self.misses(account, since);
            return has_left;
        };
        match answer.status.as_u16() {
            200 => self.use_it(account, asked_at, &answer).await,
            503 if !answer.header("retry-after").is_empty() => {
                self.note(|tally| tally.put_off += 1);
                self.misses(account, since);
            }
            status => self.note(|tally| {
                // Nobody waits for the token of a lost grant. The judge decides whether the loss is allowed.
                tally.without.remove(&account);
                let what = format!("{status} {}", answer.text);
                tally.unexpected.push((account, what));
            }),
        }
        true
    }

    /// Records that an account has no token, and starts the pursuit of one.
    fn misses(&self, account: usize, since: Duration) {
        let mut is_news = false;
        self.note(|tally| is_news = tally.misses(account, since));
        if is_news && !self.is_over() {
            let pursuer = Asker {
                patience: TIMEOUT,
                ..self.clone()
            };
            let mut pursuits = lock(&self.pursuits);
            while pursuits.try_join_next().is_some() {}
            pursuits.spawn(pursuit::pursue(pursuer, account));
        }
    }

    /// Returns whether an account has no token, as far as is known.
    pub(super) fn lacks_token(&self, account: usize) -> bool {
        lock(&self.tally).lacks_token(account)
    }

    /// Returns whether the clients are told to end.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    async fn use_it(&self, account: usize, asked_at: Duration, answer: &Answer) {
        let (token, served_at) = (answer.str("access_token"), self.sandbox.elapsed());
        self.note(|tally| {
            tally.served += 1;
            match tally.seen.get_mut(token) {
                Some(seen) => seen.asked_at = seen.asked_at.max(asked_at),
                None => {
                    let seen = Seen {
                        account,
                        served_at,
                        asked_at,
                    };
                    tally.seen.insert(token.to_owned(), seen);
                }
            }
            tally.has_token(account, served_at);
        });
        // The sandbox may be down.
        let Ok(used) = use_token(&self.http, &self.sandbox, token).await else {
            return;
        };
        match used.status.as_u16() {
            200 if used.str("sub") == self.accounts[account].person => {}
            200 => self.note(|tally| tally.wrong.push((account, used.text.clone()))),
            401 => self.note(|tally| {
                tally.rejected.push(Rejection {
                    account,
                    token: token.to_owned(),
                    asked_at,
                    rejected_at: self.sandbox.elapsed(),
                    expires_in: answer.number("expires_in"),
                });
            }),
            _ => self.note(|tally| tally.unexpected.push((account, used.text.clone()))),
        }
    }

    fn note(&self, write: impl FnOnce(&mut Tally)) {
        write(&mut lock(&self.tally));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Uses an access token at the sandbox's API.
pub(super) async fn use_token(
    http: &Client,
    sandbox: &Sandbox,
    token: &str,
) -> reqwest::Result<Answer> {
    http::try_send(http.get(&sandbox.endpoints().hello).bearer_auth(token)).await
}
