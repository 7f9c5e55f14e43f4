//! Writes that the service has acknowledged with 2xx, and whether they still hold after the last restart.

use std::time::Duration;

use central_oauth_test_sandbox::Sandbox;
use reqwest::{Client, StatusCode};
use tokio::time::sleep;

use crate::support::http::{self, Answer};
use crate::support::service::Service;

use super::asking::use_token;

/// How often a request is retried after a 503 response, and the pause in between.
const ASKS: usize = 40;
const PAUSE: Duration = Duration::from_millis(500);

/// An acknowledged write.
#[derive(Debug, Clone)]
pub(super) enum Promise {
    /// `POST /v1/link-code` answered 201.
    LinkCode { code: String, key: String },
    /// `POST /v1/accounts/{id}/keys` answered 201.
    KeyMade { account: String, key: String },
    /// `DELETE /v1/accounts/{id}/keys/{key_id}` answered 204.
    KeyDeleted { account: String, key: String },
    /// A poll answered `linked`.
    Linked { key: String },
    /// `DELETE /v1/accounts/{id}` answered 200.
    AccountDeleted {
        account: String,
        key: String,
        /// The last access token, if the answer said that the tokens are revoked.
        revoked: Option<String>,
    },
    /// `POST /v1/accounts/{id}/refresh` answered 200 with this `last_refreshed_at`.
    Refreshed { account: String, at: String },
}

/// The service that is checked.
pub(super) struct Check<'a> {
    pub(super) http: Client,
    pub(super) sandbox: &'a Sandbox,
    /// The address of a process that was started after everything else.
    pub(super) url: String,
}

impl Check<'_> {
    /// Returns the promises that no longer hold.
    pub(super) async fn broken(&self, promises: &[Promise]) -> Vec<String> {
        let mut broken = Vec::new();
        for promise in promises {
            if let Err(seen) = self.check(promise).await {
                broken.push(format!("{promise:?}: {seen}"));
            }
        }
        broken
    }

    async fn check(&self, promise: &Promise) -> Result<(), String> {
        match promise {
            Promise::LinkCode { code, key } => {
                let answer = self.get(&format!("/v1/poll/{code}"), key).await;
                // Only a code that exists can be polled too fast.
                let is_too_fast = answer.status == 429 && !is_of_unknown_key(&answer);
                if is_too_fast {
                    Ok(())
                } else {
                    expect(&answer, &[200])
                }
            }
            Promise::KeyMade { account, key } => {
                expect(&self.get(&account_path(account), key).await, &[200])
            }
            Promise::KeyDeleted { account, key } => {
                expect_unknown(&self.get(&account_path(account), key).await)
            }
            Promise::Linked { key } => expect(&self.get("/v1/accounts", key).await, &[200]),
            Promise::AccountDeleted {
                account,
                key,
                revoked,
            } => {
                expect_unknown(&self.get("/v1/accounts", key).await)?;
                let path = account_path(account);
                expect(&self.get(&path, Service::ADMIN_KEY).await, &[404])?;
                self.is_revoked(revoked.as_deref()).await
            }
            Promise::Refreshed { account, at } => {
                let answer = self.get(&account_path(account), Service::ADMIN_KEY).await;
                expect(&answer, &[200])?;
                // RFC 3339 in UTC sorts as text. A later consent replaces the refreshed tokens.
                let (refreshed, linked) =
                    (&answer.json["last_refreshed_at"], &answer.json["linked_at"]);
                if refreshed.as_str().max(linked.as_str()) >= Some(at.as_str()) {
                    Ok(())
                } else {
                    Err(format!("last refreshed at {refreshed}, linked at {linked}"))
                }
            }
        }
    }

    async fn is_revoked(&self, token: Option<&str>) -> Result<(), String> {
        let Some(token) = token else {
            return Ok(());
        };
        match use_token(&self.http, self.sandbox, token).await {
            Ok(answer) => expect(&answer, &[401]),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn get(&self, path: &str, bearer: &str) -> Answer {
        let mut asks = 0;
        loop {
            let request = self.http.get(format!("{}{path}", self.url));
            let answer = http::send(request.bearer_auth(bearer)).await;
            asks += 1;
            if answer.status != StatusCode::SERVICE_UNAVAILABLE || asks == ASKS {
                return answer;
            }
            sleep(PAUSE).await;
        }
    }
}

fn account_path(account: &str) -> String {
    format!("/v1/accounts/{account}")
}

/// Expects the response to an unknown key: 401. After too many unknown keys from one network the service responds with
/// 429 instead, which a valid key never gets for this reason.
fn expect_unknown(answer: &Answer) -> Result<(), String> {
    if is_of_unknown_key(answer) {
        Ok(())
    } else {
        expect(answer, &[401])
    }
}

fn is_of_unknown_key(answer: &Answer) -> bool {
    answer.status == 429 && answer.text.contains("unknown keys")
}

fn expect(answer: &Answer, statuses: &[u16]) -> Result<(), String> {
    let status = answer.status.as_u16();
    if statuses.contains(&status) {
        Ok(())
    } else {
        Err(format!("{status} {}", answer.text))
    }
}
