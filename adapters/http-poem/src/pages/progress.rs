//! The page of a link that this browser confirmed.

use std::time::Duration;

use central_oauth_domain::link::{LinkCode, LinkStatus, ReturnCode};
use central_oauth_domain::ports::Prompt;
use central_oauth_domain::usecases::{Disowned, LinkView};
use central_oauth_domain::{Fault, FaultCode};
use poem::Response;
use poem::http::StatusCode;
use url::Url;

use super::refused;
use super::templates::{
    AtProvider, ByHand, Confirming, Ended, Finishing, Linked, Mood, ProviderLink, Waiting,
};
use super::visit::Visit;

/// Returns the stage of a link. The page reloads when the stage changes.
pub(super) fn stage(view: &LinkView) -> &'static str {
    match (&view.status, &view.prompt) {
        (LinkStatus::Pending, _) => "waiting",
        (LinkStatus::Authorizing, Some(_)) => "at_provider",
        (LinkStatus::Authorizing, None) => "finishing",
        (LinkStatus::Confirming, _) => "confirming",
        (LinkStatus::Linked(_), _) => "linked",
        (LinkStatus::Denied(_), _) => "denied",
        (LinkStatus::Expired, _) => "expired",
        (LinkStatus::Failed(_), _) => "failed",
    }
}

pub(super) fn time_left(view: &LinkView) -> Duration {
    view.link.expires_in(view.now)
}

pub(super) fn page(
    visit: &Visit<'_>,
    view: &LinkView,
    code: &LinkCode,
    status: StatusCode,
) -> Response {
    match &view.status {
        LinkStatus::Pending => visit.page(status, &Waiting { visit, view, code }),
        LinkStatus::Authorizing => match &view.prompt {
            Some(prompt) => visit.page(status, &at_provider(visit, view, code, prompt)),
            None => visit.page(status, &Finishing { visit, view, code }),
        },
        LinkStatus::Confirming => {
            let return_code = view.return_code.as_ref().map(ReturnCode::grouped);
            let page = Confirming {
                visit,
                view,
                code,
                return_code: return_code.unwrap_or_default(),
            };
            visit.page(status, &page)
        }
        LinkStatus::Linked(_) => visit.page(status, &Linked { visit, view, code }),
        LinkStatus::Denied(None) => cancelled(visit, view),
        LinkStatus::Denied(Some(why)) => visit.page(status, &denied(visit, view, why)),
        LinkStatus::Expired => {
            let page = Ended::new(visit, Mood::Careful, "expired");
            visit.page(status, &page.with_advice_for(&view.link))
        }
        LinkStatus::Failed(fault) => visit.page(status, &failed(visit, view, fault)),
    }
}

/// Returns the page of a link whose provider did not respond. The person may try again.
pub(super) fn unanswered(
    visit: &Visit<'_>,
    view: &LinkView,
    code: &LinkCode,
    retry_after: Duration,
) -> Response {
    let page = page(visit, view, code, StatusCode::SERVICE_UNAVAILABLE);
    refused::after(page, retry_after)
}

/// Returns the page of a link that the person cancelled at this service.
pub(super) fn cancelled(visit: &Visit<'_>, view: &LinkView) -> Response {
    // If no program started the relink, programs keep their access and are not told about the cancellation.
    let text = match view.link.is_of_program() {
        true => "cancelled-text",
        false => "cancelled-invited-text",
    };
    let page = Ended {
        text: visit.texts.say(text),
        ..Ended::new(visit, Mood::Calm, "cancelled")
    };
    visit.page(StatusCode::OK, &page)
}

/// Returns the page after "This was not me": the account or the key of the link was deleted.
pub(super) fn disowned(visit: &Visit<'_>, disowned: Disowned) -> Response {
    let text = match disowned {
        Disowned::Account => "disowned-account",
        Disowned::Key => "disowned-key",
    };
    let page = Ended {
        text: visit.texts.say(text),
        tells_operator: true,
        ..Ended::new(visit, Mood::Calm, "disowned")
    };
    visit.page(StatusCode::OK, &page)
}

/// Returns the page for a browser that has no link with this code to disown.
pub(super) fn nothing_to_take_back(visit: &Visit<'_>) -> Response {
    let page = Ended::new(visit, Mood::Calm, "nothing-left");
    visit.page(StatusCode::NOT_FOUND, &page)
}

/// Returns the page of a link that the person or the provider declined, perhaps with the provider's reason.
fn denied<'a>(visit: &'a Visit<'_>, view: &LinkView, why: &Fault) -> Ended<'a> {
    let t = visit.texts;
    let says = |words| t.say("denied-detail").with("words", words).to_string();
    Ended {
        text: t.say("denied-text").with("provider", &view.provider),
        detail: (why.detail != Fault::DECLINED).then(|| says(&why.detail)),
        ..Ended::new(visit, Mood::Careful, "denied")
    }
}

fn at_provider<'a>(
    visit: &'a Visit<'_>,
    view: &'a LinkView,
    code: &'a LinkCode,
    prompt: &'a Prompt,
) -> AtProvider<'a> {
    let (user_code, provider_link, by_hand) = match prompt {
        Prompt::UserCode {
            user_code,
            verification_uri,
            verification_uri_complete,
        } => {
            let complete = verification_uri_complete.as_ref();
            let complete = complete.and_then(|uri| ProviderLink::to(uri.expose(), true));
            let by_hand = complete.is_some().then(|| ByHand::at(verification_uri));
            let provider_link = complete.or_else(|| ProviderLink::to(verification_uri, false));
            (Some(user_code.expose()), provider_link, by_hand)
        }
        Prompt::Visit { uri } => (None, ProviderLink::there_and_back(uri.expose()), None),
    };
    AtProvider {
        visit,
        view,
        code,
        user_code,
        provider_link,
        by_hand,
    }
}

impl ProviderLink {
    /// Returns a link, unless the provider's URL is unsafe.
    fn to(uri: &str, has_code: bool) -> Option<Self> {
        let url = web_address(uri)?;
        Some(Self {
            host: url.host_str()?.to_owned(),
            href: url.into(),
            has_code,
            leads_back: false,
        })
    }

    /// Returns a link to a page from which the provider sends the browser back.
    fn there_and_back(uri: &str) -> Option<Self> {
        let leads_back = true;
        Self::to(uri, true).map(|link| Self { leads_back, ..link })
    }
}

impl<'a> ByHand<'a> {
    fn at(uri: &'a str) -> Self {
        Self {
            text: uri,
            href: web_address(uri).map(String::from),
        }
    }
}

/// Returns the URL if it is http or https. The provider adapter checks this too, but the page must never contain a
/// `javascript:` link.
fn web_address(uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

fn failed<'a>(visit: &'a Visit<'_>, view: &LinkView, fault: &Fault) -> Ended<'a> {
    let cause = match fault.code {
        FaultCode::AccountMismatch => "failed-mismatch",
        FaultCode::NotConfirmed => "failed-not-confirmed",
        FaultCode::ResponseLost => "failed-answer-lost",
        FaultCode::ProviderError => "failed-provider",
        _ => "failed-service",
    };
    let tells_operator = matches!(cause, "failed-provider" | "failed-service");
    if tells_operator {
        let (link, error) = (view.link.id.0, &fault.detail);
        tracing::info!(link, provider = %view.link.provider, error, "page shows a failed link");
    }
    let page = Ended::new(visit, Mood::Bad, cause);
    let page = Ended {
        heading: visit.texts.say("failed-heading"),
        text: page.text.with("provider", &view.provider),
        detail: Some(fault.detail.clone()),
        tells_operator,
        ..page
    };
    match tells_operator {
        true => page,
        false => page.with_advice_for(&view.link),
    }
}
