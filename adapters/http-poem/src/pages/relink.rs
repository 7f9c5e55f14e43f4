//! `/device/relink/{value}`: the relink URL, at which the person of an account starts a relink. The service creates the
//! URL. An operator or a webhook delivers it.

use std::sync::Arc;

use central_oauth_domain::usecases::{Links, Refusal, RelinkUrlError, RelinkView};
use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Body, Request, Response, handler};

use super::form::Fields;
use super::site::Site;
use super::templates::{Ended, Mood, Relink};
use super::texts::Text;
use super::visit::Visit;
use super::{answer, refused};

/// Shows the purpose of the relink URL. Starts nothing, because programs that scan messages open the links in them.
#[handler]
pub(super) async fn show(
    request: &Request,
    Path(value): Path<String>,
    Data(site): Data<&Arc<Site>>,
    Data(links): Data<&Arc<Links>>,
) -> Response {
    let visit = Visit::of(site, request);
    match links.view_relink(&value).await {
        Ok(view) => page(&visit, &view, None),
        Err(error) => refuse(&visit, error),
    }
}

/// Starts the link, and continues as if this browser had entered the new code.
#[handler]
pub(super) async fn start(
    request: &Request,
    body: Body,
    Path(value): Path<String>,
    Data(site): Data<&Arc<Site>>,
    Data(links): Data<&Arc<Links>>,
) -> Response {
    let visit = Visit::of(site, request);
    let fields = match Fields::read(request, body).await {
        Ok(fields) => fields,
        Err(no_form) => return refused::no_form(&visit, no_form),
    };
    let started = match visit.distrust(fields.csrf()) {
        Some(why) => links.view_relink(&value).await.map(|view| {
            let notice = visit.texts.say(refused::notice(why));
            page(&visit, &view, Some(notice))
        }),
        None => begin(&visit, links, &value).await,
    };
    started.unwrap_or_else(|error| refuse(&visit, error))
}

async fn begin(visit: &Visit<'_>, links: &Links, value: &str) -> Result<Response, RelinkUrlError> {
    let started = links.start_relink_at(value, visit.address);
    let code = started.await?.code;
    Ok(answer::invite(visit, &code).await?)
}

fn page(visit: &Visit<'_>, view: &RelinkView, notice: Option<Text>) -> Response {
    let status = match &notice {
        None => StatusCode::OK,
        Some(_) => StatusCode::FORBIDDEN,
    };
    let page = Relink {
        visit,
        view,
        time_left: visit.texts.span(view.expires_in),
        notice,
    };
    visit.page(status, &page)
}

fn refuse(visit: &Visit<'_>, error: RelinkUrlError) -> Response {
    let page = |stem| Ended::new(visit, Mood::Careful, stem);
    let gone = |text| Ended {
        text: visit.texts.say(text),
        ..page("relink-gone")
    };
    let (status, page) = match error {
        RelinkUrlError::Unknown => (StatusCode::NOT_FOUND, gone("relink-unknown")),
        RelinkUrlError::Expired => (StatusCode::GONE, gone("relink-expired")),
        RelinkUrlError::Done => (StatusCode::GONE, page("relink-done")),
        RelinkUrlError::Refused(Refusal::Unprocessable(_) | Refusal::ReturnCodeRequired) => {
            (StatusCode::GONE, gone("relink-impossible"))
        }
        RelinkUrlError::Refused(refusal) => return refused::answer(visit, refusal, None),
    };
    visit.page(status, &page)
}
