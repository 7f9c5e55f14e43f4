//! The list of revocations.

use askama::Template;
use central_oauth_domain::grant::revocation::Revocation;
use poem::{Request, Response, Result, handler};

use super::accounts::PAGE;
use super::desk::{self, Desk};
use super::templates::Status;
use crate::api::REVOCATIONS;
use crate::pages::form::Fields;
use crate::pages::visit::Visit;

#[derive(Template)]
#[template(path = "admin/revocations.html")]
struct Revocations<'a> {
    visit: &'a Visit<'a>,
    desk: &'a Desk<'a>,
    done: Option<&'static str>,
    revocations: Vec<Revocation>,
    next: Option<String>,
}

/// `GET /admin/revocations`.
#[handler]
pub(super) async fn list(request: &Request, desk: Desk<'_>) -> Result<Response> {
    let query = Fields::of_query(request);
    let after = desk.after(&REVOCATIONS, &query)?;
    let revoker = &desk.services().revoker;
    let listed = revoker.list(desk.caller(), after, PAGE).await;
    Ok(desk.answer(listed.map(|page| {
        let next = page.next.map(|id| {
            let cursor = REVOCATIONS.write(id);
            format!("{}/revocations?cursor={cursor}", desk.site.base)
        });
        desk.page(&Revocations {
            visit: &desk.visit,
            desk: &desk,
            done: desk::done(&query),
            revocations: page.items,
            next,
        })
    })))
}
