use askama::Template;
use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::revocation::Revocation;
use poem::{Request, Response, Result, handler};

use super::accounts::PAGE;
use super::desk::{self, Desk};
use super::templates::{DeskFrame, Status};
use crate::api::REVOCATIONS;
use crate::pages::form::Fields;
use crate::pages::site;
use crate::pages::words::Moment;

#[derive(Template)]
#[template(path = "admin/revocations.html")]
struct Revocations<'a> {
    frame: &'a site::Frame,
    desk: DeskFrame<'a>,
    done: Option<&'static str>,
    revocations: Vec<RevocationRow>,
    next: Option<String>,
}

struct RevocationRow {
    id: String,
    account: Option<String>,
    provider: String,
    status: Status,
    trouble: Option<String>,
    requested: Option<Moment>,
    next_attempt: Option<Moment>,
    failures: u32,
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
        let rows = page.items.into_iter();
        desk.page(&Revocations {
            frame: &desk.site.device.frame,
            desk: desk.frame(desk::REVOCATIONS),
            done: desk::done(&query),
            revocations: rows.map(|one| revocation(one, desk.now)).collect(),
            next,
        })
    })))
}

fn revocation(one: Revocation, now: Timestamp) -> RevocationRow {
    let moment = |at: Timestamp| Moment::of(at, now);
    RevocationRow {
        id: one.id.to_string(),
        account: one.account.map(|id| id.to_string()),
        provider: one.provider.to_string(),
        status: one.status.into(),
        trouble: one.last_error.map(|fault| fault.code.to_string()),
        requested: Some(moment(one.created_at)),
        next_attempt: one.next_attempt_at.map(moment),
        failures: one.failures,
    }
}
