//! Error pages.

use std::time::Duration;

use central_oauth_domain::link::{LinkCode, LinkStatus};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::{LinkView, Refusal};
use poem::Response;
use poem::http::StatusCode;

use super::form::NoForm;
use super::show::enter;
use super::templates::{Ended, Mood, Notice};
use super::visit::{Distrust, Visit};
use crate::error::set_retry_after;

pub(super) fn answer(visit: &Visit<'_>, refusal: Refusal, code: Option<&LinkCode>) -> Response {
    match refusal {
        Refusal::NotFound(_) => unknown(visit, code),
        Refusal::CodeInUse => careful(visit, StatusCode::CONFLICT, "in-use"),
        // The page must not reveal the account, because another browser may ask.
        Refusal::CodeFinished => visit.page(StatusCode::GONE, &used_up(visit, "used-elsewhere")),
        Refusal::ForeignCallback(why) => {
            tracing::debug!(why, "callback rejected");
            careful(visit, StatusCode::BAD_REQUEST, "foreign")
        }
        Refusal::RateLimited(retry_after) => crowded(visit, "too-many", retry_after),
        Refusal::TooManyConsents(retry_after) => crowded(visit, "crowded", retry_after),
        Refusal::TooManyLinks(retry_after) => crowded(visit, "relink-crowded", retry_after),
        Refusal::OverCapacity => crowded(visit, "relink-crowded", A_MINUTE),
        Refusal::ProviderUnavailable { retry_after, .. } => after(
            unavailable(visit, "unavailable-provider-heading"),
            retry_after,
        ),
        Refusal::ProviderNotConfigured(_) => {
            broken(visit, StatusCode::SERVICE_UNAVAILABLE, "not-configured")
        }
        Refusal::Store(
            error @ (StoreError::Unavailable(_) | StoreError::Busy(_) | StoreError::Conflict),
        ) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "page failed; a retry may succeed");
            after(unavailable(visit, "unavailable-service-heading"), SOON)
        }
        other => {
            let error = &other as &dyn std::error::Error;
            tracing::error!(error, "page failed: internal error");
            broken(visit, StatusCode::INTERNAL_SERVER_ERROR, "broken")
        }
    }
}

const SOON: Duration = Duration::from_secs(5);
const A_MINUTE: Duration = Duration::from_secs(60);

/// Shows the form again for a malformed code.
pub(super) fn malformed(visit: &Visit<'_>, typed: &str) -> Response {
    let problem = if typed.trim().is_empty() {
        "enter-empty"
    } else {
        "enter-malformed"
    };
    let problem = Some(visit.texts.say(problem));
    enter(
        visit,
        StatusCode::UNPROCESSABLE_ENTITY,
        typed,
        problem,
        None,
    )
}

fn unknown(visit: &Visit<'_>, code: Option<&LinkCode>) -> Response {
    let typed = code.map(LinkCode::digits).unwrap_or_default();
    let problem = visit.texts.say("enter-unknown");
    enter(visit, StatusCode::NOT_FOUND, typed, Some(problem), None)
}

/// Rejects a form that may come from another site, and shows the form again. The next attempt works if the browser
/// accepts cookies.
pub(super) fn distrusted(visit: &Visit<'_>, why: Distrust, typed: &str) -> Response {
    tracing::debug!(?why, "form rejected");
    let notice = Notice {
        text: visit.texts.say(notice(why)),
        address: format!("{}device", with_slash(visit.site.public_url.as_str())),
    };
    enter(visit, StatusCode::FORBIDDEN, typed, None, Some(notice))
}

/// Returns the message that says why a form is not trusted.
pub(super) const fn notice(why: Distrust) -> &'static str {
    match why {
        Distrust::OtherSite => "notice-other-site",
        Distrust::NoCookie | Distrust::WrongToken => "notice-no-cookie",
    }
}

fn with_slash(url: &str) -> String {
    format!("{}/", url.trim_end_matches('/'))
}

/// Returns the page for a code that cannot be entered any more.
pub(super) fn used(visit: &Visit<'_>, view: &LinkView) -> Response {
    let text = match &view.status {
        LinkStatus::Expired => "used-expired",
        LinkStatus::Denied(None) => "used-cancelled",
        LinkStatus::Denied(Some(_)) => "used-denied",
        _ => "used-once",
    };
    let page = used_up(visit, text).with_advice_for(&view.link);
    visit.page(StatusCode::GONE, &page)
}

fn used_up<'a>(visit: &'a Visit<'_>, text: &str) -> Ended<'a> {
    Ended {
        text: visit.texts.say(text),
        ..Ended::new(visit, Mood::Careful, "used")
    }
}

/// Returns the page for a prefetched callback. Because of its error status, the browser sends the request again when
/// the person opens the link.
pub(super) fn prefetch(visit: &Visit<'_>) -> Response {
    careful(visit, StatusCode::SERVICE_UNAVAILABLE, "prefetch")
}

/// Returns the page for a provider's response that came as a form.
pub(super) fn posted(visit: &Visit<'_>, provider: &str) -> Response {
    // Anybody can request any path, so a request for a provider that is not configured is not logged.
    if let Some(provider) = visit.consents().provider(provider) {
        tracing::info!(%provider, "callback rejected: the provider used response_mode=form_post");
    }
    broken(visit, StatusCode::METHOD_NOT_ALLOWED, "posted")
}

/// Returns a page that asks the person to wait.
fn crowded(visit: &Visit<'_>, stem: &str, retry_after: Duration) -> Response {
    let wait = visit.texts.span(retry_after.max(Duration::from_secs(1)));
    let page = Ended::new(visit, Mood::Careful, stem);
    let advice = page.advice.with("wait", wait);
    let page = visit.page(StatusCode::TOO_MANY_REQUESTS, &Ended { advice, ..page });
    after(page, retry_after)
}

fn unavailable(visit: &Visit<'_>, heading: &str) -> Response {
    let page = Ended {
        heading: visit.texts.say(heading),
        ..Ended::new(visit, Mood::Careful, "unavailable")
    };
    visit.page(StatusCode::SERVICE_UNAVAILABLE, &page)
}

fn careful(visit: &Visit<'_>, status: StatusCode, stem: &str) -> Response {
    visit.page(status, &Ended::new(visit, Mood::Careful, stem))
}

/// Returns the page for an error that the person cannot fix.
fn broken(visit: &Visit<'_>, status: StatusCode, stem: &str) -> Response {
    let page = Ended {
        tells_operator: true,
        ..Ended::new(visit, Mood::Bad, stem)
    };
    visit.page(status, &page)
}

/// Returns the page for a body that is not a form of this service.
pub(super) fn no_form(visit: &Visit<'_>, why: NoForm) -> Response {
    let text = match why {
        NoForm::OtherType => "no-form-type",
        NoForm::TooLarge => "no-form-too-large",
        NoForm::BrokenOff => "no-form-incomplete",
        NoForm::UnknownAction => "no-form-action",
    };
    let page = Ended {
        text: visit.texts.say(text),
        ..Ended::new(visit, Mood::Careful, "no-form")
    };
    visit.page(why.status(), &page)
}

pub(super) fn after(mut response: Response, wait: Duration) -> Response {
    set_retry_after(&mut response, Some(wait));
    response
}
