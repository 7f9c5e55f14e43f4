//! The list of accounts.

use askama::Template;
use central_oauth_domain::grant::{Account, AccountStatus, ProviderName};
use central_oauth_domain::usecases::AccountQuery;
use poem::{Request, Response, Result, handler};
use url::form_urlencoded;

use super::desk::Desk;
use super::templates::Status;
use crate::api;
use crate::pages::form::Fields;
use crate::pages::visit::Visit;

#[derive(Template)]
#[template(path = "admin/accounts.html")]
struct Accounts<'a> {
    visit: &'a Visit<'a>,
    desk: &'a Desk<'a>,
    /// The providers to choose from, and whether each is chosen.
    providers: Vec<(String, bool)>,
    /// The word and the name of each status, and whether it is chosen.
    statuses: Vec<(&'static str, &'static str, bool)>,
    accounts: Vec<Account>,
    next: Option<String>,
}

/// Items per page.
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
        desk.page(&Accounts {
            visit: &desk.visit,
            desk: &desk,
            providers: providers(&desk, provider.as_ref()),
            statuses: STATUSES
                .map(|(word, name, _)| (word, name, chosen == Some(word)))
                .to_vec(),
            accounts: page.items,
            next: cursor.map(|cursor| next_page(&desk.site.base, &filters, &cursor)),
        })
    })))
}

/// Returns the URL of the next page of a filtered list.
fn next_page(base: &str, filters: &[(&str, Option<String>)], cursor: &str) -> String {
    let chosen = filters.iter();
    let chosen = chosen.filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(chosen)
        .append_pair("cursor", cursor)
        .finish();
    format!("{base}?{query}")
}

/// Returns the configured providers, and the chosen one even if it is not configured any more. The flag tells whether
/// the provider is chosen.
fn providers(desk: &Desk<'_>, chosen: Option<&ProviderName>) -> Vec<(String, bool)> {
    let providers = desk.services().providers.iter();
    let known = providers.map(|provider| provider.name());
    let mut names = Vec::from_iter(known);
    let unknown = chosen.filter(|chosen| !names.contains(chosen));
    names.extend(unknown);
    let is_chosen = |name| Some(name) == chosen;
    let names = names.into_iter();
    names
        .map(|name| (name.to_string(), is_chosen(name)))
        .collect()
}
