//! The list of accounts, and one account with its keys.

use std::sync::Arc;

use central_oauth_domain::grant::{
    Account, AccountStatus, KeyLimits, KeyMaker, KeyRecord, ProviderName,
};
use central_oauth_domain::usecases::{AccountSearch, Refusal};
use central_oauth_domain::{Fault, Timestamp};
use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, Result, handler};
use url::form_urlencoded;

use super::AdminSite;
use super::desk::{self, Desk};
use super::templates::{AccountRow, Accounts, KeyRow, OneAccount};
use crate::api;
use crate::error::Problem;
use crate::pages::form::Fields;
use crate::pages::words::Moment;

/// Items on a page.
pub(super) const PAGE: u64 = 50;

const STATUSES: [(&str, &str, AccountStatus); 3] = [
    ("active", "Active", AccountStatus::Active),
    ("degraded", "Degraded", AccountStatus::Degraded),
    (
        "relink_required",
        "Relink required",
        AccountStatus::RelinkRequired,
    ),
];

/// `GET /admin`.
#[handler]
pub(super) async fn list(request: &Request, Data(site): Data<&Arc<AdminSite>>) -> Result<Response> {
    let desk = Desk::open(site, request).await?;
    let query = Fields::of_query(request);
    let chosen = query.given("status");
    let status = STATUSES.iter().find(|(word, ..)| chosen == Some(*word));
    let wanted = AccountSearch {
        provider: query.given("provider").map(ProviderName::new),
        status: status.map(|(_, _, status)| *status),
    };
    let filters = filters(&wanted, status.map(|(word, ..)| *word));
    let after = api::ACCOUNTS.read_with(&filters, query.get("cursor"))?;
    let accounts = &desk.services().accounts;
    let found = accounts.search(desk.caller(), &wanted, after, PAGE).await;
    Ok(desk.answer(found.map(|page| {
        let next = page.next.map(|id| {
            let cursor = api::ACCOUNTS.write_with(&filters, id);
            format!("{}?{filters}&cursor={cursor}", site.base)
        });
        let rows = page.items.into_iter().map(|one| row(&desk, one));
        let page = Accounts {
            frame: &site.device.frame,
            desk: desk.frame(desk::ACCOUNTS),
            providers: providers(&desk, wanted.provider.as_ref()),
            statuses: STATUSES
                .map(|(word, name, one)| (word, name, wanted.status == Some(one)))
                .to_vec(),
            accounts: rows.collect(),
            next,
        };
        desk.page(StatusCode::OK, &page)
    })))
}

/// `GET /admin/accounts/{id}`.
#[handler]
pub(super) async fn show(
    request: &Request,
    Path(id): Path<String>,
    Data(site): Data<&Arc<AdminSite>>,
) -> Result<Response> {
    let desk = Desk::open(site, request).await?;
    let query = Fields::of_query(request);
    let page = page(&desk, &id, &query).await;
    Ok(desk.answer(page?))
}

/// Only a cursor that is none is no refusal.
async fn page(
    desk: &Desk<'_>,
    id: &str,
    query: &Fields,
) -> Result<Result<Response, Refusal>, Problem> {
    let after = api::KEYS.read(query.get("cursor"))?;
    let account = match desk.account(id).await {
        Ok(account) => account,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let keys = &desk.services().keys;
    let listed = keys.list(desk.caller(), account.id, after, PAGE).await;
    Ok(listed.map(|keys| {
        let href = desk.account_page(account.id);
        let next = keys.next.map(|id| {
            let cursor = api::KEYS.write(id);
            format!("{href}?cursor={cursor}")
        });
        let keys = keys.items.into_iter().map(|key| key_row(key, desk.now));
        let page = OneAccount {
            frame: &desk.site.device.frame,
            desk: desk.frame(desk::ACCOUNTS),
            done: desk::done(query),
            trouble: trouble(desk, &account).map(|fault| fault.detail),
            person: &account.key.account_id,
            scopes: &account.scopes,
            times: times(&account, desk.now),
            account: row(desk, account.clone()),
            keys: keys.collect(),
            next,
        };
        desk.page(StatusCode::OK, &page)
    }))
}

/// What the cursor of a filtered list is bound to, in the form of a query.
fn filters(wanted: &AccountSearch, status: Option<&str>) -> String {
    let provider = wanted.provider.as_ref().map(ProviderName::as_str);
    form_urlencoded::Serializer::new(String::new())
        .append_pair("provider", provider.unwrap_or_default())
        .append_pair("status", status.unwrap_or_default())
        .finish()
}

/// The configured providers, and the chosen one even if it is not configured any more.
fn providers(desk: &Desk<'_>, chosen: Option<&ProviderName>) -> Vec<(String, bool)> {
    let known = desk.services().providers.iter().map(|one| one.name());
    let is_known = |name: &&ProviderName| {
        desk.services()
            .providers
            .iter()
            .any(|one| one.name() == *name)
    };
    let unknown = chosen.filter(|name| !is_known(name));
    let all = known.chain(unknown);
    all.map(|name| (name.to_string(), Some(name) == chosen))
        .collect()
}

fn row(desk: &Desk<'_>, account: Account) -> AccountRow {
    let moment = |at: Timestamp| Moment::of(at, desk.now);
    // Without a refresh, the account ends with its access token.
    let last = account.access_token_expires_at;
    let last = last.filter(|_| account.next_refresh_at.is_none());
    let ends = account.fixed_ends().chain(last).min();
    AccountRow {
        href: desk.account_page(account.id),
        id: account.id.to_string(),
        status: account.status.into(),
        trouble: trouble(desk, &account).map(|fault| fault.code),
        ends: ends.map(moment),
        next_refresh: account.next_refresh_at.map(moment),
        provider: account.key.provider.to_string(),
        name: account.display_name,
    }
}

/// The last error of an account, or a warning.
fn trouble(desk: &Desk<'_>, account: &Account) -> Option<Fault> {
    let warning = desk.services().accounts.warning(account);
    account.last_error.clone().or(warning)
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
