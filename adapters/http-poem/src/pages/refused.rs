//! Error pages.

use std::time::Duration;

use central_oauth_domain::link::{LinkCode, LinkStatus};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::text::presentable;
use central_oauth_domain::usecases::Refusal;
use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};

use super::form::NoForm;
use super::templates::{Ended, Enter, Mood, Notice};
use super::visit::{Distrust, Visit};
use super::words;
use crate::dto::seconds_up;

/// The content of an error page.
struct Words<'a> {
    status: StatusCode,
    heading: &'a str,
    text: &'a str,
    advice: &'a str,
}

/// Returns the page for a refusal of the domain.
pub(super) fn answer(visit: &Visit<'_>, refusal: Refusal, code: Option<&LinkCode>) -> Response {
    match refusal {
        Refusal::NotFound(_) => unknown(visit, code),
        Refusal::CodeInUse => in_use(visit),
        Refusal::ForeignCallback(why) => foreign(visit, why),
        Refusal::RateLimited { retry_after } => too_many(visit, retry_after),
        Refusal::TooManyConsents { retry_after } => too_many_consents(visit, retry_after),
        Refusal::ProviderUnavailable { retry_after, .. } => after(
            unavailable(visit, "The provider does not respond"),
            retry_after,
        ),
        Refusal::ProviderNotConfigured(_) => not_configured(visit),
        Refusal::Store(error @ (StoreError::Unavailable(_) | StoreError::Conflict)) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "page failed: the database does not answer or takes no writes"
            );
            after(unavailable(visit, "The service is not available"), SOON)
        }
        other => broken(visit, &other),
    }
}

const SOON: Duration = Duration::from_secs(5);

/// Shows the form again for a malformed code.
pub(super) fn malformed(visit: &Visit<'_>, typed: &str) -> Response {
    let problem = if typed.trim().is_empty() {
        "Enter the code that your program shows."
    } else {
        "A code has eight digits, like 1234 5678, or up to twelve."
    };
    form(
        visit,
        StatusCode::UNPROCESSABLE_ENTITY,
        typed,
        Some(problem),
        None,
    )
}

fn unknown(visit: &Visit<'_>, code: Option<&LinkCode>) -> Response {
    let typed = code.map(LinkCode::digits).unwrap_or_default();
    let problem = "No program is waiting with this code. Check the digits. An old code no longer works: \
                   ask the program for a new one.";
    form(visit, StatusCode::NOT_FOUND, typed, Some(problem), None)
}

/// Shows the form again if it may come from another site. The next attempt works if the browser accepts cookies.
pub(super) fn distrusted(visit: &Visit<'_>, why: Distrust, typed: &str) -> Response {
    tracing::debug!(?why, "form rejected");
    let text = match why {
        Distrust::OtherSite => {
            "It seems to come from another website. If you sent it yourself, press Continue again."
        }
        Distrust::NoCookie | Distrust::WrongToken => {
            "This page needs a cookie to recognise your browser. Allow cookies for this site, then press Continue again."
        }
    };
    let notice = Notice {
        heading: "The form was not accepted",
        text,
        address: Some(format!(
            "{}device",
            with_slash(visit.site.public_url.as_str())
        )),
    };
    form(visit, StatusCode::FORBIDDEN, typed, None, Some(notice))
}

fn with_slash(url: &str) -> String {
    format!("{}/", url.trim_end_matches('/'))
}

fn form(
    visit: &Visit<'_>,
    status: StatusCode,
    typed: &str,
    problem: Option<&str>,
    notice: Option<Notice<'_>>,
) -> Response {
    const MAX_SHOWN: usize = 40;
    let code = match LinkCode::parse(typed) {
        Ok(code) => code.grouped(),
        Err(_) => presentable(typed).chars().take(MAX_SHOWN).collect(),
    };
    let page = Enter {
        frame: &visit.site.frame,
        csrf: &visit.csrf,
        code: &code,
        problem,
        notice,
    };
    visit.page(status, &page)
}

/// A code whose link has ended.
pub(super) fn used(visit: &Visit<'_>, status: &LinkStatus) -> Response {
    let text = match status {
        LinkStatus::Expired => "It has expired. Nothing was linked.",
        LinkStatus::Denied(None) => "It was cancelled. Nothing was linked.",
        LinkStatus::Denied(Some(_)) => "The provider did not give access. Nothing was linked.",
        _ => "It has already been used. A code works only once.",
    };
    let words = Words {
        status: StatusCode::GONE,
        heading: "This code no longer works",
        text,
        advice: "Ask the program for a new code and start again.",
    };
    page(visit, &words, Mood::Careful)
}

fn in_use(visit: &Visit<'_>) -> Response {
    let words = Words {
        status: StatusCode::CONFLICT,
        heading: "This code is in use",
        text: "It was confirmed in another browser. Only that browser can use it now.",
        advice: "If that was you, go on there. If it was not, ask the program for a new code, \
                 and do not show that one to anybody.",
    };
    page(visit, &words, Mood::Careful)
}

/// A callback that fits no link.
fn foreign(visit: &Visit<'_>, why: &str) -> Response {
    tracing::debug!(why, "callback rejected");
    let words = Words {
        status: StatusCode::BAD_REQUEST,
        heading: "This sign-in cannot be used",
        text: "It was started in another browser, was already used, or took too long. It linked nothing.",
        advice: "Go back to the page where you entered the code, or ask the program for a new code.",
    };
    page(visit, &words, Mood::Careful)
}

/// A prefetch of a callback. It gets no success, so that the browser asks again when the person opens it.
pub(super) fn prefetch(visit: &Visit<'_>) -> Response {
    let words = Words {
        status: StatusCode::SERVICE_UNAVAILABLE,
        heading: "Load this page to continue",
        text: "Your browser loaded it in advance. Nothing has happened yet.",
        advice: "Load this page again.",
    };
    page(visit, &words, Mood::Careful)
}

fn too_many(visit: &Visit<'_>, retry_after: Duration) -> Response {
    let wait = words::span(retry_after.max(Duration::from_secs(1)));
    let words = Words {
        status: StatusCode::TOO_MANY_REQUESTS,
        heading: "Too many wrong codes",
        text: "To stop people from guessing codes, this page accepts no codes from your network for a while.",
        advice: &format!("Wait {wait}, then try again. You may need a new code by then."),
    };
    after(page(visit, &words, Mood::Careful), retry_after)
}

fn too_many_consents(visit: &Visit<'_>, retry_after: Duration) -> Response {
    let wait = words::span(retry_after.max(Duration::from_secs(1)));
    let words = Words {
        status: StatusCode::TOO_MANY_REQUESTS,
        heading: "Too many people are linking accounts",
        text: "Others, perhaps on your network, have not finished yet. Your code stays valid.",
        advice: &format!("Wait {wait}, then enter your code again."),
    };
    after(page(visit, &words, Mood::Careful), retry_after)
}

fn unavailable(visit: &Visit<'_>, heading: &str) -> Response {
    let words = Words {
        status: StatusCode::SERVICE_UNAVAILABLE,
        heading,
        text: "Something that this page needs does not respond at the moment. Your code stays valid.",
        advice: "Wait a moment, then load this page again.",
    };
    page(visit, &words, Mood::Careful)
}

fn not_configured(visit: &Visit<'_>) -> Response {
    let words = Words {
        status: StatusCode::SERVICE_UNAVAILABLE,
        heading: "This provider is no longer available",
        text: "The operator has removed the provider of this code from this service.",
        advice: "Tell the operator of this service, or ask the program for a new code.",
    };
    page(visit, &words, Mood::Bad)
}

/// An error that the person cannot fix.
fn broken(visit: &Visit<'_>, refusal: &Refusal) -> Response {
    tracing::error!(
        error = refusal as &dyn std::error::Error,
        "page failed: internal error"
    );
    let words = Words {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        heading: "Something went wrong",
        text: "This is an error of the service, not your fault.",
        advice: "Tell the operator of this service; its log has the cause.",
    };
    page(visit, &words, Mood::Bad)
}

/// A body that is not one of our forms.
pub(super) fn no_form(visit: &Visit<'_>, why: NoForm) -> Response {
    let words = Words {
        status: why.status(),
        heading: "The form could not be read",
        text: why.detail(),
        advice: "Open this page in a browser and enter the code there.",
    };
    page(visit, &words, Mood::Careful)
}

fn page(visit: &Visit<'_>, words: &Words<'_>, mood: Mood) -> Response {
    let page = Ended {
        frame: &visit.site.frame,
        mood,
        heading: words.heading,
        text: words.text,
        advice: words.advice,
        detail: None,
    };
    visit.page(words.status, &page)
}

/// Adds `Retry-After`.
pub(super) fn after(mut response: Response, wait: Duration) -> Response {
    let wait = HeaderValue::from(seconds_up(wait).max(1));
    response.headers_mut().insert(header::RETRY_AFTER, wait);
    response
}
