//! The page of a link that this browser confirmed.

use std::time::Duration;

use central_oauth_domain::grant::Account;
use central_oauth_domain::link::{LinkCode, LinkStatus, ReturnCode};
use central_oauth_domain::ports::Prompt;
use central_oauth_domain::usecases::{Disowned, LinkView};
use central_oauth_domain::{Fault, FaultCode};
use poem::Response;
use poem::http::StatusCode;
use url::Url;

use super::refused;
use super::refused::Words;
use super::site::Frame;
use super::templates::{
    AtProvider, ByHand, Confirming, Ended, Finishing, Linked, LinkedAccount, Live, Mood, Waiting,
    Way,
};
use super::texts::Texts;
use super::visit::Visit;

/// The stage of a link; the page reloads when it changes.
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

pub(super) fn page(
    visit: &Visit<'_>,
    view: &LinkView,
    code: &LinkCode,
    status: StatusCode,
) -> Response {
    let (t, frame) = (visit.texts, &visit.site.frame);
    let live = live(visit, view, code);
    match &view.status {
        LinkStatus::Pending => visit.page(status, &Waiting { t, frame, live }),
        LinkStatus::Authorizing => match &view.prompt {
            Some(prompt) => visit.page(status, &at_provider(t, frame, live, prompt)),
            None => visit.page(status, &Finishing { t, frame, live }),
        },
        LinkStatus::Confirming => visit.page(status, &confirming(t, frame, live, view)),
        LinkStatus::Linked(_) => visit.page(status, &linked(visit, view, code)),
        LinkStatus::Denied(None) => cancelled(visit),
        LinkStatus::Denied(Some(why)) => visit.page(status, &denied(visit, view, why)),
        LinkStatus::Expired => {
            let words = Words::of(t, "expired");
            refused::page(visit, status, Mood::Careful, words)
        }
        LinkStatus::Failed(fault) => visit.page(status, &failed(visit, view, fault)),
    }
}

/// The provider did not respond; the person may try again.
pub(super) fn unanswered(
    visit: &Visit<'_>,
    view: &LinkView,
    code: &LinkCode,
    retry_after: Duration,
) -> Response {
    let page = page(visit, view, code, StatusCode::SERVICE_UNAVAILABLE);
    refused::after(page, retry_after)
}

/// The person cancelled at our page.
pub(super) fn cancelled(visit: &Visit<'_>) -> Response {
    let words = Words::of(visit.texts, "cancelled");
    refused::page(visit, StatusCode::OK, Mood::Calm, words)
}

/// The person took the consent back.
pub(super) fn disowned(visit: &Visit<'_>, disowned: Disowned) -> Response {
    let text = match disowned {
        Disowned::Account => "disowned-account",
        Disowned::Key => "disowned-key",
    };
    let words = Words::with_text(visit.texts, "disowned", text).for_operator();
    refused::page(visit, StatusCode::OK, Mood::Calm, words)
}

/// This browser has no link with this code that could be taken back.
pub(super) fn nothing_to_take_back(visit: &Visit<'_>) -> Response {
    let words = Words::of(visit.texts, "nothing-left");
    refused::page(visit, StatusCode::NOT_FOUND, Mood::Calm, words)
}

/// The person declined at the provider, or the provider for them. It may have said why.
fn denied<'a>(visit: &'a Visit<'_>, view: &LinkView, why: &Fault) -> Ended<'a> {
    let t = visit.texts;
    let says = |words| t.say("denied-detail").with("words", words).to_string();
    Ended {
        t,
        frame: &visit.site.frame,
        mood: Mood::Careful,
        heading: t.say("denied-heading"),
        text: t.say("denied-text").with("provider", &view.provider),
        advice: t.say("denied-advice"),
        detail: (why.detail != Fault::DECLINED).then(|| says(&why.detail)),
        request_id: None,
    }
}

fn live<'a>(visit: &'a Visit<'_>, view: &'a LinkView, code: &'a LinkCode) -> Live<'a> {
    let frame = &visit.site.frame;
    let left = view.link.expires_in(view.now);
    Live {
        csrf: &visit.csrf,
        code: code.digits(),
        address: frame.link(code),
        status: frame.status(code),
        stage: stage(view),
        provider: &view.provider,
        consent_name: view.consent_name.as_deref(),
        client: view.link.requester.client_name.as_deref(),
        seconds_left: left.as_secs(),
        time_left: visit.texts.span(left),
        request_id: &visit.request_id,
    }
}

fn confirming<'a>(t: Texts, frame: &'a Frame, live: Live<'a>, view: &LinkView) -> Confirming<'a> {
    let code = view.return_code.as_ref().map(ReturnCode::grouped);
    Confirming {
        t,
        frame,
        live,
        return_code: code.unwrap_or_default(),
    }
}

fn at_provider<'a>(
    t: Texts,
    frame: &'a Frame,
    live: Live<'a>,
    prompt: &'a Prompt,
) -> AtProvider<'a> {
    match prompt {
        Prompt::UserCode {
            user_code,
            verification_uri,
            verification_uri_complete,
        } => {
            let complete = verification_uri_complete.as_ref();
            let complete = complete.and_then(|uri| Way::to(uri.expose(), true));
            AtProvider {
                t,
                frame,
                live,
                user_code: Some(user_code.expose()),
                by_hand: complete.is_some().then(|| ByHand::at(verification_uri)),
                way: complete.or_else(|| Way::to(verification_uri, false)),
            }
        }
        Prompt::Visit { uri } => AtProvider {
            t,
            frame,
            live,
            user_code: None,
            way: Way::there_and_back(uri.expose()),
            by_hand: None,
        },
    }
}

impl Way {
    /// Returns a link, unless the provider's address is unsafe.
    fn to(uri: &str, has_code: bool) -> Option<Self> {
        let url = web_address(uri)?;
        Some(Self {
            host: url.host_str()?.to_owned(),
            href: url.into(),
            has_code,
            leads_back: false,
        })
    }

    /// Returns a link that leads back here.
    fn there_and_back(uri: &str) -> Option<Self> {
        let leads_back = true;
        Self::to(uri, true).map(|way| Self { leads_back, ..way })
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

/// The provider adapter already checks this; the page checks again because it must never contain a `javascript:` link.
fn web_address(uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

fn linked<'a>(visit: &'a Visit<'_>, view: &'a LinkView, code: &'a LinkCode) -> Linked<'a> {
    Linked {
        t: visit.texts,
        frame: &visit.site.frame,
        csrf: &visit.csrf,
        code: code.digits(),
        client: view.link.requester.client_name.as_deref(),
        provider: &view.provider,
        account: view.account.as_ref().map(whose),
        is_of_program: view.link.is_of_program(),
    }
}

fn whose(account: &Account) -> LinkedAccount<'_> {
    let id = account.key.account_id.as_str();
    LinkedAccount {
        name: &account.display_name,
        id: (id != account.display_name).then_some(id),
        is_identified: account.identified,
    }
}

fn failed<'a>(visit: &'a Visit<'_>, view: &LinkView, fault: &Fault) -> Ended<'a> {
    let t = visit.texts;
    let cause = match fault.code {
        FaultCode::AccountMismatch => "failed-mismatch",
        FaultCode::NotConfirmed => "failed-not-confirmed",
        FaultCode::AnswerLost => "failed-answer-lost",
        FaultCode::ProviderError => "failed-provider",
        _ => "failed-service",
    };
    let tells_operator = matches!(cause, "failed-provider" | "failed-service");
    if tells_operator {
        let (link, error) = (view.link.id.0, &fault.detail);
        tracing::info!(link, provider = %view.link.provider, error, "page shows a failed link");
    }
    Ended {
        t,
        frame: &visit.site.frame,
        mood: Mood::Bad,
        heading: t.say("failed-heading"),
        text: t.say(&format!("{cause}-text")),
        advice: t.say(&format!("{cause}-advice")),
        detail: Some(fault.detail.clone()),
        request_id: tells_operator.then_some(&visit.request_id),
    }
}
