//! Creates and deletes access keys of an account.

use std::time::Duration;

use askama::Template;
use central_oauth_domain::grant::{AccessKeyId, Account, KeyLimits};
use central_oauth_domain::ports::Descendants;
use central_oauth_domain::usecases::refusals::NO_SUCH_KEY;
use central_oauth_domain::usecases::{HandedKey, KeyRequest, Refusal};
use poem::http::StatusCode;
use poem::web::Path;
use poem::{Response, handler};

use super::actions::{Words, confirmation};
use super::desk::{AdminDesk, Desk, Sent};
use super::templates::Asks;
use crate::api::{account_id, key_id};
use crate::pages::form::Fields;
use crate::pages::visit::{self, Visit};

/// The page with the form for a new key.
#[derive(Template)]
#[template(path = "admin/new_key.html")]
struct NewKeyPage<'a> {
    visit: &'a Visit<'a>,
    desk: &'a Desk<'a>,
    account: &'a Account,
    name: &'a str,
    days: &'a str,
    problem: Option<&'a str>,
}

/// The page that shows a new key, once.
#[derive(Template)]
#[template(path = "admin/key.html")]
struct KeyCreatedPage<'a> {
    visit: &'a Visit<'a>,
    desk: &'a Desk<'a>,
    account: &'a Account,
    made: &'a HandedKey,
}

/// `GET /admin/accounts/{id}/keys/new`.
#[handler]
pub(super) async fn ask_new(AdminDesk(desk): AdminDesk<'_>, Path(id): Path<String>) -> Response {
    let account = desk.account(&id).await;
    desk.answer(account.map(|account| form(&desk, &account, ("", ""), None)))
}

/// `POST /admin/accounts/{id}/keys/new`. Responds with the page itself instead of a redirect, because the key is shown
/// only once.
#[handler]
pub(super) async fn create(Sent { desk, fields }: Sent<'_>, Path(id): Path<String>) -> Response {
    desk.answer(creating(&desk, &id, &fields).await)
}

async fn creating(desk: &Desk<'_>, id: &str, fields: &Fields) -> Result<Response, Refusal> {
    let account = desk.account(id).await?;
    let name = fields.get("name").unwrap_or_default();
    let days = fields.get("days").unwrap_or_default().trim();
    let again = |problem: &str| form(desk, &account, (name, days), Some(problem));
    let Ok(lasts) = lasting(days) else {
        return Ok(again(
            "The number of days must be a whole number from 1 to 99999.",
        ));
    };
    let request = KeyRequest {
        name: name.to_owned(),
        expires_at: lasts.map(|lasts| desk.now + lasts),
        limits: KeyLimits::default(),
    };
    let (caller, address) = (desk.caller(), desk.visit.address);
    let keys = &desk.services().keys;
    let made = match keys.create(caller, account.id, request, address).await {
        Err(Refusal::Unprocessable(why)) => return Ok(again(&why)),
        made => made?,
    };
    let page = KeyCreatedPage {
        visit: &desk.visit,
        desk,
        account: &account,
        made: &made,
    };
    Ok(visit::html(StatusCode::CREATED, &page))
}

/// Returns the lifetime of a key from the form's number of days; `None` for a key that does not expire.
fn lasting(days: &str) -> Result<Option<Duration>, ()> {
    const MOST_DAYS: u64 = 99_999;
    if days.is_empty() {
        return Ok(None);
    }
    let days: u64 = days.parse().map_err(drop)?;
    let is_possible = (1..=MOST_DAYS).contains(&days);
    let lasting = Duration::from_secs(days.saturating_mul(24 * 3600));
    is_possible.then_some(Some(lasting)).ok_or(())
}

/// `GET /admin/accounts/{id}/keys/{key}/delete`.
#[handler]
pub(super) async fn ask_delete(
    AdminDesk(desk): AdminDesk<'_>,
    Path((id, key)): Path<(String, String)>,
) -> Response {
    let (account, key) = (desk.account(&id).await, key_id(&key));
    let account = match account {
        Ok(account) => has_key(&desk, &account, key).await.map(|()| account),
        refused => refused,
    };
    desk.answer(account.map(|account| {
        let words = Words {
            action: &format!("keys/{key}/delete"),
            heading: &format!("Delete key {key}?"),
            text: "The program that holds it gets no more tokens. The account stays. For 24 hours after a program has linked with a key, the keys that it has made are deleted too.",
            button: "Delete the key",
            asks: Asks::Descendants,
        };
        confirmation(&desk, &account, &words, None)
    }))
}

async fn has_key(desk: &Desk<'_>, account: &Account, key: AccessKeyId) -> Result<(), Refusal> {
    let before = AccessKeyId(key.0.saturating_sub(1));
    let keys = &desk.services().keys;
    let found = keys
        .list(desk.caller(), account.id, Some(before), 1)
        .await?;
    let has_key = found.items.iter().any(|found| found.id == key);
    has_key.then_some(()).ok_or(NO_SUCH_KEY)
}

/// `POST /admin/accounts/{id}/keys/{key}/delete`.
#[handler]
pub(super) async fn delete(
    Sent { desk, fields }: Sent<'_>,
    Path((id, key)): Path<(String, String)>,
) -> Response {
    let with = match fields.get("descendants") {
        Some(_) => Descendants::Deleted,
        None => Descendants::Kept,
    };
    let (id, key, caller) = (account_id(&id), key_id(&key), desk.caller());
    let keys = &desk.services().keys;
    let deleted = match keys.delete(caller, id, key, with, desk.visit.address).await {
        // The key is already deleted, probably by the first request of a double click.
        Err(Refusal::NotFound(_)) => Ok(()),
        deleted => deleted,
    };
    desk.answer(deleted.map(|()| desk.done(&desk.account_page(id), "key-deleted")))
}

/// Returns the form for a new key, with the entered values.
fn form(
    desk: &Desk<'_>,
    account: &Account,
    (name, days): (&str, &str),
    problem: Option<&str>,
) -> Response {
    let status = match problem {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page = NewKeyPage {
        visit: &desk.visit,
        desk,
        account,
        name,
        days,
        problem,
    };
    visit::html(status, &page)
}
