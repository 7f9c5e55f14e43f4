//! One account with its keys.

use askama::Template;
use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccessKeyId, Account, KeyLimits, KeyMaker, KeyRecord};
use central_oauth_domain::usecases::Refusal;
use poem::web::Path;
use poem::{Request, Response, Result, handler};

use super::accounts::{AccountRow, PAGE, row, trouble};
use super::desk::{self, Desk};
use super::templates::DeskFrame;
use crate::api;
use crate::pages::form::Fields;
use crate::pages::site;
use crate::pages::words::Moment;

#[derive(Template)]
#[template(path = "admin/account.html")]
struct OneAccount<'a> {
    frame: &'a site::Frame,
    desk: DeskFrame<'a>,
    account: AccountRow,
    /// What was done just before.
    done: Option<&'static str>,
    trouble: Option<String>,
    /// The person's id at the provider.
    person: &'a str,
    scopes: &'a [String],
    /// Times, their names, and what to say if there is none.
    times: Vec<(&'static str, Option<Moment>, &'static str)>,
    keys: Vec<KeyRow>,
    next: Option<String>,
}

struct KeyRow {
    id: String,
    name: Option<String>,
    role: &'static str,
    limits: Option<String>,
    maker: Option<String>,
    made: Option<Moment>,
    used: Option<Moment>,
    expires: Option<Moment>,
}

/// `GET /admin/accounts/{id}`.
#[handler]
pub(super) async fn show(
    request: &Request,
    desk: Desk<'_>,
    Path(id): Path<String>,
) -> Result<Response> {
    let query = Fields::of_query(request);
    let after = desk.after(&api::KEYS, &query)?;
    Ok(desk.answer(page(&desk, &id, after, desk::done(&query)).await))
}

async fn page(
    desk: &Desk<'_>,
    id: &str,
    after: Option<AccessKeyId>,
    done: Option<&'static str>,
) -> Result<Response, Refusal> {
    let account = desk.account(id).await?;
    let keys = &desk.services().keys;
    let keys = keys.list(desk.caller(), account.id, after, PAGE).await?;
    let href = desk.account_page(account.id);
    let next = keys.next.map(|id| {
        let cursor = api::KEYS.write(id);
        format!("{href}?cursor={cursor}")
    });
    let keys = keys.items.into_iter().map(|key| key_row(key, desk.now));
    Ok(desk.page(&OneAccount {
        frame: &desk.site.device.frame,
        desk: desk.frame(desk::ACCOUNTS),
        done,
        trouble: trouble(desk, &account).map(|fault| fault.detail),
        person: &account.key.account_id,
        scopes: &account.scopes,
        times: times(&account, desk.now),
        account: row(desk, account.clone()),
        keys: keys.collect(),
        next,
    }))
}

fn times(account: &Account, now: Timestamp) -> Vec<(&'static str, Option<Moment>, &'static str)> {
    let moment = |at: Option<Timestamp>| at.map(|at| Moment::of(at, now));
    vec![
        ("Grant ends", moment(account.grant_expires_at), "not known"),
        (
            "Refresh token expires if unused",
            moment(account.refresh_token_expires_at),
            "not known",
        ),
        (
            "Access token expires",
            moment(account.access_token_expires_at),
            "never, as far as the provider says",
        ),
        ("Next refresh", moment(account.next_refresh_at), "none"),
        ("Last refresh", moment(account.last_refreshed_at), "none"),
        ("Last consent", moment(Some(account.linked_at)), ""),
        ("First consent", moment(Some(account.created_at)), ""),
    ]
}

fn key_row(key: KeyRecord, now: Timestamp) -> KeyRow {
    let moment = |at: Timestamp| Moment::of(at, now);
    KeyRow {
        id: key.id.to_string(),
        name: key.name,
        role: key.role.as_str(),
        limits: limits(&key.limits),
        maker: key.maker.map(|maker| match maker {
            KeyMaker::Link => "with a link code".to_owned(),
            KeyMaker::Operator => "by an operator".to_owned(),
            KeyMaker::Key(key) => format!("by key {key}"),
        }),
        made: Some(moment(key.created_at)),
        used: key.last_used_at.map(moment),
        expires: key.expires_at.map(moment),
    }
}

fn limits(limits: &KeyLimits) -> Option<String> {
    let networks = limits.networks.iter().map(ToString::to_string);
    let rate = limits.uses_per_minute;
    let rate = rate.map(|uses| format!("{uses} uses a minute"));
    let all: Vec<_> = networks.chain(rate).collect();
    (!all.is_empty()).then(|| all.join(", "))
}
