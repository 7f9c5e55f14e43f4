//! Accounts that are linked at the start and checked in the end.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_test_sandbox::Sandbox;
use futures_util::future::join_all;
use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::http::{self, Answer};
use crate::support::linking::try_confirm;
use crate::support::service::Service;

use super::asking::{Account, use_token};

/// Accounts that are linked at a time.
const AT_ONCE: usize = 25;
/// Number of accounts that are linked first. A process that has just started opens a database connection for each of
/// them. In a debug build this is so slow that with many accounts the last ones would time out.
const FIRST: usize = 9;
/// How often a link is tried, and how often its end is checked.
const TRIES: usize = 5;
const LOOKS: usize = 40;
/// How long the last retries may take before a grant counts as lost.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The pause between two checks.
const PAUSE: Duration = Duration::from_secs(1);

/// An account whose grant is lost.
pub(super) struct Lost {
    /// Its index among the accounts.
    pub(super) account: usize,
    /// The last observation.
    pub(super) why: String,
}

/// Links this many accounts, each of another person, with all services in turn.
pub(super) async fn link_all(services: &[Service], count: usize) -> Arc<Vec<Account>> {
    let (http, mut accounts) = (http::client(), Vec::new());
    while accounts.len() < count {
        let (start, at_once) = match accounts.len() {
            0 => (0, FIRST),
            linked => (linked, AT_ONCE),
        };
        let batch = start..count.min(start + at_once);
        let batch = batch.map(|number| link(&http, &services[number % services.len()]));
        for key in join_all(batch).await {
            accounts.push(known(&http, &services[0], key).await);
        }
    }
    Arc::new(accounts)
}

/// Asks who the owner of a key is. On a busy machine the first token may have expired by now.
async fn known(http: &Client, service: &Service, key: String) -> Account {
    let mut tries = TRIES;
    let answer = loop {
        let request = http.get(service.url("/v1/token")).bearer_auth(&key);
        let answer = http::send(request).await;
        if answer.status != 503 || tries == 0 {
            break answer.expect(200);
        }
        tries -= 1;
        sleep(PAUSE).await;
    };
    let text = |name: &str| answer.json["account"][name].as_str().map(str::to_owned);
    Account {
        id: text("id").expect("an account has an id"),
        person: text("account_id").expect("an account has an owner"),
        key,
    }
}

/// Checks that each account has a working token, and that the scheduler replaces it with another working one. Nobody
/// requests a refresh.
pub(super) async fn look_at_all(
    sandbox: &Arc<Sandbox>,
    urls: &[String],
    accounts: &Arc<Vec<Account>>,
) -> Vec<Lost> {
    let mut looks = JoinSet::new();
    let http = http::client();
    for number in 0..accounts.len() {
        let url = urls[number % urls.len()].clone();
        let (sandbox, accounts) = (Arc::clone(sandbox), Arc::clone(accounts));
        let http = http.clone();
        looks.spawn(async move {
            let lost = look_at(&http, &sandbox, &url, &accounts[number]).await;
            lost.map(|why| Lost {
                account: number,
                why,
            })
        });
    }
    let mut lost: Vec<_> = looks.join_all().await.into_iter().flatten().collect();
    lost.sort_by_key(|lost| lost.account);
    lost
}

/// Returns why an account did not get two working tokens, if it did not.
async fn look_at(http: &Client, sandbox: &Sandbox, url: &str, account: &Account) -> Option<String> {
    let (start, mut first) = (Instant::now(), None);
    loop {
        let why = match works(http, sandbox, url, account).await {
            Ok(token) if first.as_ref().is_some_and(|first| *first != token) => return None,
            Ok(token) => {
                first.get_or_insert(token);
                "the scheduler does not replace its token".to_owned()
            }
            Err(why) => why,
        };
        if why.starts_with("409 ") || start.elapsed() > TIMEOUT {
            return Some(why);
        }
        sleep(PAUSE).await;
    }
}

/// Links an account and returns its key. Retries on a busy machine.
async fn link(http: &Client, service: &Service) -> String {
    let mut problems = Vec::new();
    for _ in 0..TRIES {
        match try_link(http, service).await {
            Ok(key) => return key,
            Err(problem) => problems.push(problem),
        }
        sleep(PAUSE).await;
    }
    panic!("no account can be linked: {problems:?}")
}

async fn try_link(http: &Client, service: &Service) -> Result<String, String> {
    let code = http::try_send(http.post(service.url("/v1/link-code"))).await;
    let code = good(code.map_err(|error| error.to_string())?)?;
    let link_code = code.str("link_code");
    try_confirm(http, &service.url(""), link_code).await?;
    let poll = service.url(&format!("/v1/poll/{link_code}"));
    for _ in 0..LOOKS {
        sleep(PAUSE).await;
        let seen = http::try_send(http.get(&poll)).await;
        let seen = seen.map_err(|error| error.to_string())?;
        if seen.json["status"] == "linked" {
            return Ok(code.str("access_key").to_owned());
        }
    }
    Err("the link does not end".to_owned())
}

/// Returns the token, if it works.
async fn works(
    http: &Client,
    sandbox: &Sandbox,
    url: &str,
    account: &Account,
) -> Result<String, String> {
    let request = http.get(format!("{url}/v1/token"));
    let answer = good(http::send(request.bearer_auth(&account.key)).await)?;
    let token = answer.str("access_token").to_owned();
    let used = use_token(http, sandbox, &token).await;
    let used = good(used.expect("the sandbox does not answer"))?;
    assert_eq!(used.str("sub"), account.person);
    Ok(token)
}

fn good(answer: Answer) -> Result<Answer, String> {
    match answer.status.as_u16() {
        200 | 201 => Ok(answer),
        status => Err(format!("{status} {}", answer.text)),
    }
}
