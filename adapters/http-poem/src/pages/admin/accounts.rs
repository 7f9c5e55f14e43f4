use askama::Template;
use central_oauth_domain::grant::{Account, AccountStatus, ProviderName};
use central_oauth_domain::usecases::AccountQuery;
use central_oauth_domain::{Fault, Timestamp};
use poem::{Request, Response, Result, handler};
use url::form_urlencoded;

use super::desk::{self, Desk};
use super::templates::{DeskFrame, Status};
use crate::api;
use crate::pages::form::Fields;
use crate::pages::site;
use crate::pages::words::Moment;

#[derive(Template)]
#[template(path = "admin/accounts.html")]
struct Accounts<'a> {
    frame: &'a site::Frame,
    desk: DeskFrame<'a>,
    /// The providers that can be chosen, and which one is.
    providers: Vec<(String, bool)>,
    /// The word and the name of each status, and which one is chosen.
    statuses: Vec<(&'static str, &'static str, bool)>,
    accounts: Vec<AccountRow>,
    next: Option<String>,
}

pub(super) struct AccountRow {
    pub(super) href: String,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) status: Status,
    /// The last error, or a warning.
    pub(super) trouble: Option<String>,
    /// When the grant ends, whatever is done.
    pub(super) ends: Option<Moment>,
    pub(super) next_refresh: Option<Moment>,
}

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
pub(super) async fn list(request: &Request, desk: Desk<'_>) -> Result<Response> {
    let query = Fields::of_query(request);
    let chosen = query.given("status");
    let status = STATUSES.iter().find(|(word, ..)| chosen == Some(*word));
    let provider = query.given("provider").map(ProviderName::new);
    let filters = [
        ("provider", provider.as_ref().map(ProviderName::to_string)),
        ("status", status.map(|(word, ..)| (*word).to_owned())),
    ];
    let cursors = api::ACCOUNTS.filtered(&filters);
    let after = desk.after(&cursors, &query)?;
    let wanted = AccountQuery {
        provider: provider.clone(),
        status: status.map(|(_, _, status)| *status),
        ..AccountQuery::default()
    };
    let accounts = &desk.services().accounts;
    let found = accounts.list(desk.caller(), wanted, after, PAGE).await;
    Ok(desk.answer(found.map(|page| {
        let cursor = page.next.map(|id| cursors.write(id));
        let next = cursor.map(|cursor| next_page(&desk.site.base, &filters, &cursor));
        let rows = page.items.into_iter().map(|one| row(&desk, one));
        desk.page(&Accounts {
            frame: &desk.site.device.frame,
            desk: desk.frame(desk::ACCOUNTS),
            providers: providers(&desk, provider.as_ref()),
            statuses: STATUSES
                .map(|(word, name, _)| (word, name, chosen == Some(word)))
                .to_vec(),
            accounts: rows.collect(),
            next,
        })
    })))
}

/// The address of the next page of a filtered list.
fn next_page(base: &str, filters: &[(&str, Option<String>)], cursor: &str) -> String {
    let chosen = filters.iter();
    let chosen = chosen.filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(chosen)
        .append_pair("cursor", cursor)
        .finish();
    format!("{base}?{query}")
}

/// The configured providers, and the chosen one even if it is not configured any more.
fn providers(desk: &Desk<'_>, chosen: Option<&ProviderName>) -> Vec<(String, bool)> {
    let known = desk.services().providers.iter().map(|one| one.name());
    let mut names = Vec::from_iter(known);
    let unknown = chosen.filter(|chosen| !names.contains(chosen));
    names.extend(unknown);
    let is_chosen = |name| Some(name) == chosen;
    let names = names.into_iter();
    names
        .map(|name| (name.to_string(), is_chosen(name)))
        .collect()
}

pub(super) fn row(desk: &Desk<'_>, account: Account) -> AccountRow {
    let moment = |at: Timestamp| Moment::of(at, desk.now);
    AccountRow {
        href: desk.account_page(account.id),
        id: account.id.to_string(),
        status: account.status.into(),
        trouble: trouble(desk, &account).map(|fault| fault.code.to_string()),
        ends: account.known_end().map(moment),
        next_refresh: account.next_refresh_at.map(moment),
        provider: account.key.provider.to_string(),
        name: account.display_name,
    }
}

/// The last error of an account, or a warning.
pub(super) fn trouble(desk: &Desk<'_>, account: &Account) -> Option<Fault> {
    let warning = desk.services().accounts.warning(account);
    account.last_error.clone().or(warning)
}
