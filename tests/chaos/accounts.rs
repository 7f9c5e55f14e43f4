//! Accounts that are linked at the start and looked at in the end.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_sandbox_poem::Sandbox;
use futures_util::future::join_all;
use reqwest::Client;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::http::{self, Answer};
use crate::support::linking::link;
use crate::support::service::Service;

use super::asking::{Account, use_token};

/// Accounts that are linked, or looked at, at one time.
const AT_ONCE: usize = 25;
/// Accounts that are linked first: those who have only just started make a connection to the database for each, which
/// costs a debug build so much that of many the last ones would wait for too long.
const FIRST: usize = 9;
/// How long the last retries may take before a grant counts as lost.
const PATIENCE: Duration = Duration::from_secs(120);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(300);

/// An account whose grant is lost.
pub(super) struct Lost {
    /// Its place among the accounts.
    pub(super) account: usize,
    /// What was seen last.
    pub(super) why: String,
}

/// Links so many accounts, each of another person, by all services in turn.
pub(super) async fn link_all(
    sandbox: &Sandbox,
    services: &[Service],
    count: usize,
) -> Arc<Vec<Account>> {
    let (http, mut accounts) = (http::client(), Vec::new());
    while accounts.len() < count {
        let (start, at_once) = match accounts.len() {
            0 => (0, FIRST),
            linked => (linked, AT_ONCE),
        };
        let batch = start..count.min(start + at_once);
        let batch = batch.map(|number| link(&services[number % services.len()]));
        for key in join_all(batch).await {
            accounts.push(known(&http, sandbox, &services[0], key).await);
        }
    }
    Arc::new(accounts)
}

async fn known(http: &Client, sandbox: &Sandbox, service: &Service, key: String) -> Account {
    let request = http.get(service.url("/v1/token")).bearer_auth(&key);
    let answer = http::send(request).await.expect(200);
    let ledger = sandbox.ledger().expect("no ledger is kept");
    let entry = ledger.access_token(answer.str("access_token"));
    let text = |name: &str| answer.json["account"][name].as_str().map(str::to_owned);
    Account {
        id: text("id").expect("an account has an id"),
        person: text("account_id").expect("an account has an owner"),
        key,
        family: entry.expect("a token of nobody").family,
    }
}

/// Looks whether each account has a token that works and can be refreshed now.
pub(super) async fn look_at_all(
    sandbox: &Arc<Sandbox>,
    urls: &[String],
    accounts: &Arc<Vec<Account>>,
) -> Vec<Lost> {
    let (mut looks, places) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
    let http = http::client();
    for number in 0..accounts.len() {
        let url = urls[number % urls.len()].clone();
        let (sandbox, accounts) = (Arc::clone(sandbox), Arc::clone(accounts));
        let (places, http) = (Arc::clone(&places), http.clone());
        looks.spawn(async move {
            let _place = places.acquire_owned().await;
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

/// Why there is no such token, if so.
async fn look_at(http: &Client, sandbox: &Sandbox, url: &str, account: &Account) -> Option<String> {
    let start = Instant::now();
    loop {
        let Err(why) = look_once(http, sandbox, url, account).await else {
            return None;
        };
        if why.starts_with("409 ") || start.elapsed() > PATIENCE {
            return Some(why);
        }
        sleep(PAUSE).await;
    }
}

async fn look_once(
    http: &Client,
    sandbox: &Sandbox,
    url: &str,
    account: &Account,
) -> Result<(), String> {
    let refresh = format!("{url}/v1/accounts/{}/refresh", account.id);
    works(http, sandbox, url, account).await?;
    good(http::send(http.post(refresh).bearer_auth(Service::ADMIN_KEY)).await)?;
    works(http, sandbox, url, account).await
}

async fn works(
    http: &Client,
    sandbox: &Sandbox,
    url: &str,
    account: &Account,
) -> Result<(), String> {
    let request = http.get(format!("{url}/v1/token"));
    let answer = good(http::send(request.bearer_auth(&account.key)).await)?;
    let used = use_token(http, sandbox, answer.str("access_token")).await;
    let used = good(used.expect("the sandbox does not answer"))?;
    assert_eq!(used.str("sub"), account.person);
    Ok(())
}

fn good(answer: Answer) -> Result<Answer, String> {
    match answer.status.as_u16() {
        200 => Ok(answer),
        status => Err(format!("{status} {}", answer.text)),
    }
}
