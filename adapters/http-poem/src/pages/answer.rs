//! `POST /device`.

use std::sync::Arc;

use central_oauth_domain::link::{LinkCode, LinkStatus};
use central_oauth_domain::usecases::{LinkView, Refusal};
use central_oauth_domain::workload::ClaimList;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Body, Request, Response, handler};

use super::form::{Action, Form};
use super::site::Site;
use super::templates::Confirm;
use super::visit::Visit;
use super::words::Moment;
use super::{consent, progress, refused};

#[handler]
pub(super) async fn take(request: &Request, body: Body, Data(site): Data<&Arc<Site>>) -> Response {
    let visit = Visit::of(site, request);
    let form = match Form::read(request, body).await {
        Ok(form) => form,
        Err(no_form) => return refused::no_form(&visit, no_form),
    };
    if let Some(distrust) = visit.distrust(&form.csrf) {
        return refused::distrusted(&visit, distrust, &form.code);
    }
    let Ok(code) = LinkCode::parse(&form.code) else {
        return refused::malformed(&visit, &form.code);
    };
    let answer = match form.action {
        Action::LookUp => look_up(&visit, &code).await,
        Action::Confirm => confirm(&visit, &code).await,
        Action::Cancel => cancel(&visit, &code).await,
        Action::Disown => disown(&visit, &code).await,
    };
    answer.unwrap_or_else(|refusal| refused::answer(&visit, refusal, Some(&code)))
}

async fn look_up(visit: &Visit<'_>, code: &LinkCode) -> Result<Response, Refusal> {
    if visit.own_link(code).await?.is_some() {
        return Ok(visit.to_link(code));
    }
    let view = visit.look_up(code).await?;
    Ok(match view.status {
        LinkStatus::Pending => who_asks(visit, &view, code),
        _ => refused::used(visit, &view),
    })
}

/// Shows the page with the requester to a person who opened a relink URL instead of entering a code.
pub(super) async fn invite(visit: &Visit<'_>, code: &LinkCode) -> Result<Response, Refusal> {
    let view = visit.look_up(code).await?;
    Ok(who_asks(visit, &view, code))
}

/// Starts the provider's flow if the link is pending, then shows the link.
async fn confirm(visit: &Visit<'_>, code: &LinkCode) -> Result<Response, Refusal> {
    let view = visit.look_up(code).await?;
    if view.status == LinkStatus::Pending {
        match consent::start(visit, code).await {
            // If the provider rejected the request, the link has failed and its page says why.
            Ok(()) | Err(Refusal::ProviderRefused(_)) => {}
            Err(Refusal::ProviderUnavailable { retry_after, .. }) => {
                return Ok(match visit.own_link(code).await? {
                    Some(view) if view.status == LinkStatus::Pending => {
                        progress::unanswered(visit, &view, code, retry_after)
                    }
                    // The provider has just answered, or the person cancelled in another tab.
                    _ => visit.to_link(code),
                });
            }
            Err(refusal) => return Err(refusal),
        }
    }
    shown(visit, code, &view).await
}

async fn cancel(visit: &Visit<'_>, code: &LinkCode) -> Result<Response, Refusal> {
    let view = visit.look_up(code).await?;
    // If the person presses the button again, the link is already cancelled and the same page is shown.
    if view.status.is_final() && view.status != LinkStatus::Denied(None) {
        return shown(visit, code, &view).await;
    }
    let (consents, visitor) = (visit.consents(), visit.visitor());
    consents.cancel(code.digits(), &visitor).await?;
    Ok(match visit.own_link(code).await? {
        Some(_) => visit.to_link(code),
        // Nobody has confirmed the link, so no browser has a page for it.
        None => progress::cancelled(visit, &view),
    })
}

/// Deletes the account or the key that the link created, if this browser confirmed the link.
async fn disown(visit: &Visit<'_>, code: &LinkCode) -> Result<Response, Refusal> {
    let (consents, visitor) = (visit.consents(), visit.visitor());
    match consents.disown(code.digits(), &visitor).await {
        Ok(disowned) => Ok(progress::disowned(visit, disowned)),
        // Probably the person pressed the button twice, and the first request has deleted the link.
        Err(Refusal::NotFound(_)) => Ok(progress::nothing_to_take_back(visit)),
        Err(refusal) => Err(refusal),
    }
}

/// Redirects the browser that confirmed the link to the link's page. Tells other browsers that the code is used up.
async fn shown(visit: &Visit<'_>, code: &LinkCode, view: &LinkView) -> Result<Response, Refusal> {
    Ok(match visit.own_link(code).await? {
        Some(_) => visit.to_link(code),
        None => refused::used(visit, view),
    })
}

fn who_asks(visit: &Visit<'_>, view: &LinkView, code: &LinkCode) -> Response {
    let requester = &view.link.requester;
    let address = requester.address.as_deref();
    let page = Confirm {
        visit,
        view,
        code,
        workload: requester
            .workload
            .iter()
            .flat_map(ClaimList::iter)
            .collect(),
        is_near: address.and_then(|address| visit.is_near(address)),
        asked: Moment::said(visit.texts, view.link.created_at, view.now),
    };
    visit.page(StatusCode::OK, &page)
}
