//! One account with its keys.

use askama::Template;
use central_oauth_domain::grant::{AccessKeyId, Account, KeyLimits, KeyMaker, KeyRecord};
use central_oauth_domain::usecases::Refusal;
use poem::web::Path;
use poem::{Request, Response, Result, handler};

use super::accounts::PAGE;
use super::desk::{self, Desk};
use super::templates::Status;
use crate::api;
use crate::pages::form::Fields;
use crate::pages::visit::Visit;

#[derive(Template)]
#[template(path = "admin/account.html")]
struct OneAccount<'a> {
    visit: &'a Visit<'a>,
    desk: &'a Desk<'a>,
    account: &'a Account,
    /// The message about an action that was just done.
    done: Option<&'static str>,
    keys: Vec<KeyRecord>,
    next: Option<String>,
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
    let next = keys.next.map(|id| {
        let (page, cursor) = (desk.account_page(account.id), api::KEYS.write(id));
        format!("{page}?cursor={cursor}")
    });
    Ok(desk.page(&OneAccount {
        visit: &desk.visit,
        desk,
        account: &account,
        done,
        keys: keys.items,
        next,
    }))
}

fn made_by(maker: &KeyMaker) -> String {
    match maker {
        KeyMaker::Link => "with a link code".to_owned(),
        KeyMaker::Operator => "by an operator".to_owned(),
        KeyMaker::Key(key) => format!("by key {key}"),
    }
}

fn limits(limits: &KeyLimits) -> Option<String> {
    let networks = limits.networks.iter().map(ToString::to_string);
    let rate = limits.uses_per_minute;
    let rate = rate.map(|uses| format!("{uses} uses a minute"));
    let all: Vec<_> = networks.chain(rate).collect();
    (!all.is_empty()).then(|| all.join(", "))
}
