use std::time::Duration;

use central_oauth_domain::link::{LinkCode, LinkStatus};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::text::presentable;
use central_oauth_domain::usecases::Refusal;
use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};

use super::form::NoForm;
use super::templates::{Ended, Enter, Mood, Notice};
use super::texts::{Text, Texts};
use super::visit::{Distrust, Visit};
use crate::dto::seconds_up;

/// The words of a page that ends something.
pub(super) struct Words {
    heading: Text,
    text: Text,
    advice: Text,
    /// Whether the page shows the id of the request.
    tells_operator: bool,
}

impl Words {
    /// Returns the messages `{stem}-heading`, `{stem}-text` and `{stem}-advice`.
    pub(super) fn of(texts: Texts, stem: &str) -> Self {
        Self::with_text(texts, stem, &format!("{stem}-text"))
    }

    /// Returns the page with `text`, and with the heading and the advice whose message ids begin with `stem`.
    pub(super) fn with_text(texts: Texts, stem: &str, text: &str) -> Self {
        Self {
            heading: texts.say(&format!("{stem}-heading")),
            text: texts.say(text),
            advice: texts.say(&format!("{stem}-advice")),
            tells_operator: false,
        }
    }

    /// Shows the id of the request, because the advice is to tell the operator.
    pub(super) fn for_operator(self) -> Self {
        let tells_operator = true;
        Self {
            tells_operator,
            ..self
        }
    }
}

/// Returns the page for a refusal of the domain.
pub(super) fn answer(visit: &Visit<'_>, refusal: Refusal, code: Option<&LinkCode>) -> Response {
    match refusal {
        Refusal::NotFound(_) => unknown(visit, code),
        Refusal::CodeInUse => in_use(visit),
        Refusal::CodeFinished => finished_elsewhere(visit),
        Refusal::ForeignCallback(why) => foreign(visit, why),
        Refusal::RateLimited(refused) => crowded(visit, "too-many", refused.retry_after),
        Refusal::TooManyConsents(refused) => crowded(visit, "crowded", refused.retry_after),
        Refusal::TooManyLinks { retry_after } => crowded(visit, "relink-crowded", retry_after),
        Refusal::OverCapacity => crowded(visit, "relink-crowded", A_MINUTE),
        Refusal::ProviderUnavailable { retry_after, .. } => after(
            unavailable(visit, "unavailable-provider-heading"),
            retry_after,
        ),
        Refusal::ProviderNotConfigured(_) => not_configured(visit),
        Refusal::Store(
            error @ (StoreError::Unavailable(_) | StoreError::Busy(_) | StoreError::Conflict),
        ) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "page failed; a retry may succeed");
            after(unavailable(visit, "unavailable-service-heading"), SOON)
        }
        other => broken(visit, &other),
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
    form(
        visit,
        StatusCode::UNPROCESSABLE_ENTITY,
        typed,
        Some(visit.texts.say(problem)),
        None,
    )
}

fn unknown(visit: &Visit<'_>, code: Option<&LinkCode>) -> Response {
    let typed = code.map(LinkCode::digits).unwrap_or_default();
    let problem = visit.texts.say("enter-unknown");
    form(visit, StatusCode::NOT_FOUND, typed, Some(problem), None)
}

/// Shows the form again if it may come from another site. The next attempt works if the browser accepts cookies.
pub(super) fn distrusted(visit: &Visit<'_>, why: Distrust, typed: &str) -> Response {
    tracing::debug!(?why, "form rejected");
    let notice = Notice {
        text: visit.texts.say(notice(why)),
        address: format!("{}device", with_slash(visit.site.public_url.as_str())),
    };
    form(visit, StatusCode::FORBIDDEN, typed, None, Some(notice))
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

fn form(
    visit: &Visit<'_>,
    status: StatusCode,
    typed: &str,
    problem: Option<Text>,
    notice: Option<Notice>,
) -> Response {
    const MAX_SHOWN: usize = 40;
    let code = match LinkCode::parse(typed) {
        Ok(code) => code.grouped(),
        Err(_) => presentable(typed).chars().take(MAX_SHOWN).collect(),
    };
    let page = Enter {
        t: visit.texts,
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
        LinkStatus::Expired => "used-expired",
        LinkStatus::Denied(None) => "used-cancelled",
        LinkStatus::Denied(Some(_)) => "used-denied",
        _ => "used-once",
    };
    let words = Words::with_text(visit.texts, "used", text);
    page(visit, StatusCode::GONE, Mood::Careful, words)
}

/// Says nothing about the account.
fn finished_elsewhere(visit: &Visit<'_>) -> Response {
    let words = Words::with_text(visit.texts, "used", "used-elsewhere");
    page(visit, StatusCode::GONE, Mood::Careful, words)
}

fn in_use(visit: &Visit<'_>) -> Response {
    let words = Words::of(visit.texts, "in-use");
    page(visit, StatusCode::CONFLICT, Mood::Careful, words)
}

/// A callback that fits no link.
fn foreign(visit: &Visit<'_>, why: &str) -> Response {
    tracing::debug!(why, "callback rejected");
    let words = Words::of(visit.texts, "foreign");
    page(visit, StatusCode::BAD_REQUEST, Mood::Careful, words)
}

/// A prefetch of a callback. It gets no success, so that the browser asks again when the person opens it.
pub(super) fn prefetch(visit: &Visit<'_>) -> Response {
    let words = Words::of(visit.texts, "prefetch");
    page(visit, StatusCode::SERVICE_UNAVAILABLE, Mood::Careful, words)
}

/// Asks the person to wait.
fn crowded(visit: &Visit<'_>, stem: &str, retry_after: Duration) -> Response {
    let wait = visit.texts.span(retry_after.max(Duration::from_secs(1)));
    let words = Words::of(visit.texts, stem);
    let advice = words.advice.with("wait", wait);
    let words = Words { advice, ..words };
    let page = page(visit, StatusCode::TOO_MANY_REQUESTS, Mood::Careful, words);
    after(page, retry_after)
}

fn unavailable(visit: &Visit<'_>, heading: &str) -> Response {
    let words = Words {
        heading: visit.texts.say(heading),
        ..Words::of(visit.texts, "unavailable")
    };
    page(visit, StatusCode::SERVICE_UNAVAILABLE, Mood::Careful, words)
}

fn not_configured(visit: &Visit<'_>) -> Response {
    let words = Words::of(visit.texts, "not-configured").for_operator();
    page(visit, StatusCode::SERVICE_UNAVAILABLE, Mood::Bad, words)
}

/// An error that the person cannot fix.
fn broken(visit: &Visit<'_>, refusal: &Refusal) -> Response {
    tracing::error!(
        error = refusal as &dyn std::error::Error,
        "page failed: internal error"
    );
    let words = Words::of(visit.texts, "broken").for_operator();
    page(visit, StatusCode::INTERNAL_SERVER_ERROR, Mood::Bad, words)
}

/// A body that is not one of our forms.
pub(super) fn no_form(visit: &Visit<'_>, why: NoForm) -> Response {
    let text = match why {
        NoForm::OtherType => "no-form-type",
        NoForm::TooLarge => "no-form-too-large",
        NoForm::BrokenOff => "no-form-incomplete",
        NoForm::UnknownAction => "no-form-action",
    };
    let words = Words::with_text(visit.texts, "no-form", text);
    page(visit, why.status(), Mood::Careful, words)
}

/// Responds with a page that ends something.
pub(super) fn page(visit: &Visit<'_>, status: StatusCode, mood: Mood, words: Words) -> Response {
    let page = Ended {
        t: visit.texts,
        frame: &visit.site.frame,
        mood,
        heading: words.heading,
        text: words.text,
        advice: words.advice,
        detail: None,
        request_id: words.tells_operator.then_some(&visit.request_id),
    };
    visit.page(status, &page)
}

pub(super) fn after(mut response: Response, wait: Duration) -> Response {
    let wait = HeaderValue::from(seconds_up(wait).max(1));
    response.headers_mut().insert(header::RETRY_AFTER, wait);
    response
}
