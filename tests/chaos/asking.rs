//! Clients that ask for tokens and use them, without pause.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use central_oauth_sandbox_poem::Sandbox;
use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::http::{self, Answer};

/// How long a client waits for an answer: some go away while a refresh is under way, which must cancel nothing.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
/// The pause after nobody was there to ask.
const NOBODY: Duration = Duration::from_millis(20);

/// A linked account.
pub(super) struct Account {
    pub(super) id: String,
    /// Whose it is: the `sub` at the provider.
    pub(super) person: String,
    pub(super) key: String,
    /// The number of its family in the ledger.
    pub(super) family: usize,
}

/// An access token that the provider did not take.
#[derive(Clone)]
pub(super) struct Rejection {
    pub(super) account: usize,
    pub(super) token: String,
    pub(super) asked_at: Duration,
    pub(super) rejected_at: Duration,
    /// What the service said.
    pub(super) expires_in: u64,
}

/// An access token as clients were given it.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) account: usize,
    /// When it was first there.
    pub(super) served_at: Duration,
    /// When those asked who were the last to get it.
    pub(super) asked_at: Duration,
}

/// What all clients have seen.
#[derive(Clone, Default)]
pub(super) struct Tally {
    pub(super) served: usize,
    /// 503 with `Retry-After`.
    pub(super) put_off: usize,
    /// Nobody was there, the answer broke off, or it took too long: which process was asked, and when.
    pub(super) unanswered: Vec<(usize, Duration)>,
    /// Account and token of another person.
    pub(super) wrong: Vec<(usize, String)>,
    pub(super) rejected: Vec<Rejection>,
    /// Account and answer.
    pub(super) unexpected: Vec<(usize, String)>,
    /// Every access token served.
    pub(super) seen: HashMap<String, Seen>,
    /// The longest time for which one account had no token.
    pub(super) longest_outage: Duration,
    /// Since when an account has had none.
    without: HashMap<usize, Duration>,
}

/// Clients at work.
pub(super) struct Asking {
    over: Arc<AtomicBool>,
    tally: Arc<Mutex<Tally>>,
    clients: JoinSet<()>,
}

struct Asker {
    sandbox: Arc<Sandbox>,
    urls: Vec<String>,
    accounts: Arc<Vec<Account>>,
    over: Arc<AtomicBool>,
    tally: Arc<Mutex<Tally>>,
    dice: fastrand::Rng,
    http: Client,
}

impl Asking {
    /// Lets so many clients loose, each on any account by any process.
    pub(super) fn start(
        sandbox: &Arc<Sandbox>,
        urls: &[String],
        accounts: &Arc<Vec<Account>>,
        clients: usize,
        seed: u64,
    ) -> Self {
        let (over, tally) = (Arc::default(), Arc::default());
        let mut running = JoinSet::new();
        let mut dice = fastrand::Rng::with_seed(seed);
        for _ in 0..clients {
            let asker = Asker {
                sandbox: Arc::clone(sandbox),
                urls: urls.to_vec(),
                accounts: Arc::clone(accounts),
                over: Arc::clone(&over),
                tally: Arc::clone(&tally),
                dice: dice.fork(),
                http: http::client(),
            };
            running.spawn(asker.run());
        }
        Self {
            over,
            tally,
            clients: running,
        }
    }

    /// Calls them back; what they have seen.
    pub(super) async fn stop(self) -> Tally {
        self.over.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.clone()
    }
}

impl Asker {
    async fn run(mut self) {
        while !self.over.load(Ordering::Relaxed) {
            let account = self.dice.usize(..self.accounts.len());
            let process = self.dice.usize(..self.urls.len());
            let url = &self.urls[process];
            // Now and then one wants a token that lasts, which may mean a refresh ahead of its time.
            let wish = if self.dice.u8(..8) == 0 {
                "?min_ttl=1"
            } else {
                ""
            };
            let key = &self.accounts[account].key;
            let request = self.http.get(format!("{url}/v1/token{wish}"));
            let asked_at = self.sandbox.elapsed();
            let answer = http::try_send(request.bearer_auth(key));
            match timeout(PATIENCE, answer).await {
                Ok(Ok(answer)) => self.take(account, asked_at, &answer).await,
                missing => {
                    self.note(|tally| {
                        tally.unanswered.push((process, asked_at));
                        tally.without.entry(account).or_insert(asked_at);
                    });
                    if missing.is_ok() {
                        sleep(NOBODY).await;
                    }
                }
            }
        }
    }

    async fn take(&self, account: usize, asked_at: Duration, answer: &Answer) {
        match answer.status.as_u16() {
            200 => self.use_it(account, asked_at, answer).await,
            503 if !answer.header("retry-after").is_empty() => self.note(|tally| {
                tally.put_off += 1;
                tally.without.entry(account).or_insert(asked_at);
            }),
            status => self.note(|tally| {
                let what = format!("{status} {}", answer.text);
                tally.unexpected.push((account, what));
            }),
        }
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
            if let Some(since) = tally.without.remove(&account) {
                tally.longest_outage = tally.longest_outage.max(served_at - since);
            }
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
        write(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Uses an access token at the sandbox's API.
pub(super) async fn use_token(
    http: &Client,
    sandbox: &Sandbox,
    token: &str,
) -> reqwest::Result<Answer> {
    http::try_send(http.get(&sandbox.endpoints().hello).bearer_auth(token)).await
}
