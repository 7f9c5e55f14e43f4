//! The pages that say why not.

use std::time::Duration;

use central_oauth_domain::link::{LinkCode, LinkStatus};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::usecases::Refusal;
use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};

use super::form::NoForm;
use super::templates::{Ended, Enter, Mood, Notice};
use super::visit::{Distrust, Visit};
use super::words;
use crate::dto::seconds_up;

/// What a page of this kind says.
struct Words<'a> {
    status: StatusCode,
    heading: &'a str,
    text: &'a str,
    advice: &'a str,
}

/// The page for a refusal of the rules.
pub(super) fn answer(visit: &Visit<'_>, refusal: Refusal, code: Option<&LinkCode>) -> Response {
    match refusal {
        Refusal::NotFound(_) => unknown(visit, code),
        Refusal::CodeInUse => in_use(visit),
        Refusal::ForeignCallback(why) => foreign(visit, why),
        Refusal::RateLimited { retry_after } => too_many(visit, retry_after),
        Refusal::ProviderUnavailable { retry_after, .. } => after(
            unavailable(visit, "The provider does not answer"),
            retry_after,
        ),
        Refusal::ProviderNotConfigured(_) => not_configured(visit),
        Refusal::Store(error @ (StoreError::Unavailable(_) | StoreError::Conflict)) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the store did not answer the page"
            );
            after(unavailable(visit, "The service is not available"), SOON)
        }
        other => broken(visit, &other),
    }
}

const SOON: Duration = Duration::from_secs(5);

/// The form again, for a text that is no code.
pub(super) fn malformed(visit: &Visit<'_>, typed: &str) -> Response {
    let problem = if typed.trim().is_empty() {
        "Enter the code that your program shows."
    } else {
        "A code has eight digits, like 1234 5678."
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

/// The form again, for one that cannot be trusted to be this person's own. A second press works where cookies do.
pub(super) fn distrusted(visit: &Visit<'_>, why: Distrust, typed: &str) -> Response {
    tracing::debug!(?why, "a form was refused");
    let text = match why {
        Distrust::OtherSite => {
            "It seems to come from another website. If it was you, press Continue again."
        }
        Distrust::NoCookie | Distrust::WrongToken => {
            "This page needs a cookie to know that it is you. Allow cookies for this site, then press Continue again."
        }
    };
    let notice = Notice {
        heading: "The form could not be accepted",
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
    const MOST_SHOWN: usize = 40;
    let code = match LinkCode::parse(typed) {
        Ok(code) => code.grouped(),
        Err(_) => typed.chars().take(MOST_SHOWN).collect(),
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
        LinkStatus::Expired => "It was not used in time. Nothing was linked.",
        LinkStatus::Denied(None) => "Somebody has cancelled it. Nothing was linked.",
        LinkStatus::Denied(Some(_)) => "The provider gave no access. Nothing was linked.",
        _ => "It has been used already, and works only once.",
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
        text: "It has been confirmed in another browser, and belongs to that browser now.",
        advice: "If that was you, go on there. If it was not, ask the program for a new code, \
                 and do not show that one to anybody.",
    };
    page(visit, &words, Mood::Careful)
}

/// A provider has sent the browser back with something that fits nothing.
fn foreign(visit: &Visit<'_>, why: &str) -> Response {
    tracing::debug!(why, "a callback was refused");
    let words = Words {
        status: StatusCode::BAD_REQUEST,
        heading: "This sign-in cannot be used",
        text: "It was started in another browser, has been used already, or took too long. Nothing was linked by it.",
        advice: "Go back to the page on which you entered the code, or ask the program for a new code.",
    };
    page(visit, &words, Mood::Careful)
}

/// A browser asks for a callback that the person may never open. No success, so that it asks again when they do.
pub(super) fn prefetch(visit: &Visit<'_>) -> Response {
    let words = Words {
        status: StatusCode::SERVICE_UNAVAILABLE,
        heading: "This page opens when you visit it",
        text: "Your browser asked for it in advance. Nothing has happened yet.",
        advice: "Load this page again to go on.",
    };
    page(visit, &words, Mood::Careful)
}

fn too_many(visit: &Visit<'_>, retry_after: Duration) -> Response {
    let wait = words::span(retry_after.max(Duration::from_secs(1)));
    let words = Words {
        status: StatusCode::TOO_MANY_REQUESTS,
        heading: "Too many wrong codes",
        text: "So that nobody can guess a code, this page takes no more for a while.",
        advice: &format!("Wait {wait}, then try again. You may need a new code by then."),
    };
    after(page(visit, &words, Mood::Careful), retry_after)
}

fn unavailable(visit: &Visit<'_>, heading: &str) -> Response {
    let words = Words {
        status: StatusCode::SERVICE_UNAVAILABLE,
        heading,
        text: "Something that this page needs does not answer at the moment. Your code stays as it is.",
        advice: "Wait a little, then load this page again.",
    };
    page(visit, &words, Mood::Careful)
}

fn not_configured(visit: &Visit<'_>) -> Response {
    let words = Words {
        status: StatusCode::SERVICE_UNAVAILABLE,
        heading: "The provider is gone",
        text: "The operator has taken the provider of this code out of the service.",
        advice: "Tell the operator of this service, or ask the program for a new code.",
    };
    page(visit, &words, Mood::Bad)
}

/// What no person can do anything about.
fn broken(visit: &Visit<'_>, refusal: &Refusal) -> Response {
    tracing::error!(error = refusal as &dyn std::error::Error, "the page failed");
    let words = Words {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        heading: "Something went wrong",
        text: "The service made a mistake. It is not your fault.",
        advice: "Tell the operator of this service, who can find out more in its log.",
    };
    page(visit, &words, Mood::Bad)
}

/// A body that is none of our forms.
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

/// Adds when it makes sense to come back.
pub(super) fn after(mut response: Response, wait: Duration) -> Response {
    let wait = HeaderValue::from(seconds_up(wait).max(1));
    response.headers_mut().insert(header::RETRY_AFTER, wait);
    response
}
