//! The page of a link that this browser confirmed.

use std::time::Duration;

use central_oauth_domain::Fault;
use central_oauth_domain::grant::Account;
use central_oauth_domain::link::{LinkCode, LinkStatus, ReturnCode};
use central_oauth_domain::ports::Prompt;
use central_oauth_domain::usecases::{Disowned, LinkView};
use poem::Response;
use poem::http::StatusCode;
use url::Url;

use super::site::Frame;
use super::templates::{
    AtProvider, ByHand, Confirming, Ended, Finishing, Linked, LinkedAccount, Live, Mood, Waiting,
    Way,
};
use super::visit::Visit;
use super::{refused, words};

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

/// Returns the page of the link.
pub(super) fn page(
    visit: &Visit<'_>,
    view: &LinkView,
    code: &LinkCode,
    status: StatusCode,
) -> Response {
    let frame = &visit.site.frame;
    let live = live(visit, view, code);
    match &view.status {
        LinkStatus::Pending => visit.page(status, &Waiting { frame, live }),
        LinkStatus::Authorizing => match &view.prompt {
            Some(prompt) => visit.page(status, &at_provider(frame, live, prompt)),
            None => visit.page(status, &Finishing { frame, live }),
        },
        LinkStatus::Confirming => visit.page(status, &confirming(frame, live, view)),
        LinkStatus::Linked(_) => visit.page(status, &linked(visit, view, code)),
        LinkStatus::Denied(None) => denied(visit),
        LinkStatus::Denied(Some(why)) => no_access(visit, why),
        LinkStatus::Expired => visit.page(status, &expired(visit)),
        LinkStatus::Failed(fault) => visit.page(status, &failed(visit, fault)),
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

/// The person declined, here or at the provider.
pub(super) fn denied(visit: &Visit<'_>) -> Response {
    let page = Ended {
        frame: &visit.site.frame,
        mood: Mood::Calm,
        heading: "Cancelled",
        text: "You cancelled. The program gets no access, and it knows that.",
        advice: "You can close this tab.",
        detail: None,
    };
    visit.page(StatusCode::OK, &page)
}

/// The person took the consent back.
pub(super) fn disowned(visit: &Visit<'_>, disowned: Disowned) -> Response {
    let page = Ended {
        frame: &visit.site.frame,
        mood: Mood::Calm,
        heading: "Taken back",
        text: match disowned {
            Disowned::Account => {
                "The program can no longer use your account, nor can any program that you linked to it later. The permission \
                 is given back to the provider."
            }
            Disowned::Key => {
                "The program can no longer use your account. It was linked before, so your other programs keep it."
            }
        },
        advice: "A token that the program got before may work for some minutes more. If somebody talked you into this, \
                 look at your account at the provider, and tell the operator of this service.",
        detail: None,
    };
    visit.page(StatusCode::OK, &page)
}

/// This browser has no link with this code that could be taken back.
pub(super) fn nothing_to_take_back(visit: &Visit<'_>) -> Response {
    let page = Ended {
        frame: &visit.site.frame,
        mood: Mood::Calm,
        heading: "Nothing is left to take back",
        text: "Either you have taken the consent back already, or it is more than 24 hours old, or another browser gave it.",
        advice: "If a program still uses your account, end its access in your settings at the provider, or ask the operator \
                 of this service.",
        detail: None,
    };
    visit.page(StatusCode::NOT_FOUND, &page)
}

/// The provider denied access with a reason, which may not be the person's decision.
fn no_access(visit: &Visit<'_>, why: &Fault) -> Response {
    let words = format!("The provider says: {}", why.detail);
    let page = Ended {
        frame: &visit.site.frame,
        mood: Mood::Careful,
        heading: "Access denied",
        text: "The provider did not give access. Nothing was linked, and the program knows that.",
        advice: "If you did not decline yourself, ask the administrator of your account at the provider.",
        detail: Some(&words),
    };
    visit.page(StatusCode::OK, &page)
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
        client: view.link.requester.client_name.as_deref(),
        seconds_left: left.as_secs(),
        time_left: words::span(left),
    }
}

fn confirming<'a>(frame: &'a Frame, live: Live<'a>, view: &LinkView) -> Confirming<'a> {
    let code = view.return_code.as_ref().map(ReturnCode::grouped);
    Confirming {
        frame,
        live,
        return_code: code.unwrap_or_default(),
    }
}

fn at_provider<'a>(frame: &'a Frame, live: Live<'a>, prompt: &'a Prompt) -> AtProvider<'a> {
    match prompt {
        Prompt::UserCode {
            user_code,
            verification_uri,
            verification_uri_complete,
        } => {
            let complete = verification_uri_complete.as_ref();
            let complete = complete.and_then(|uri| Way::to(uri.expose(), true));
            AtProvider {
                frame,
                live,
                user_code: Some(user_code.expose()),
                by_hand: complete.is_some().then(|| ByHand::at(verification_uri)),
                way: complete.or_else(|| Way::to(verification_uri, false)),
            }
        }
        Prompt::Visit { uri } => AtProvider {
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
        frame: &visit.site.frame,
        csrf: &visit.csrf,
        code: code.digits(),
        client: view.link.requester.client_name.as_deref(),
        provider: &view.provider,
        account: view.account.as_ref().map(whose),
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

fn expired<'a>(visit: &'a Visit<'_>) -> Ended<'a> {
    Ended {
        frame: &visit.site.frame,
        mood: Mood::Careful,
        heading: "The code has expired",
        text: "This code was not used in time. Nothing was linked.",
        advice: "Ask the program for a new code and start again.",
        detail: None,
    }
}

fn failed<'a>(visit: &'a Visit<'_>, fault: &'a Fault) -> Ended<'a> {
    let (text, advice) = match fault.code.as_str() {
        "account_mismatch" => (
            "You signed in with a different account than before. Nothing was changed.",
            "Ask the program for a new code, and sign in with the account that you used before.",
        ),
        ReturnCode::NOT_CONFIRMED => (
            "The program did not send the return code in time, or sent a wrong one. Nothing was linked.",
            "If you started the program yourself, start again. Type the return code only into that program.",
        ),
        Fault::ANSWER_LOST => (
            "The provider's answer was lost on the way. Nothing was linked.",
            "Ask the program for a new code and start again.",
        ),
        "provider_error" => (
            "The provider rejected the request. Nothing was linked.",
            "Trying again will probably not help. Tell the operator of this service; its log has the cause.",
        ),
        _ => (
            "Something failed in this service. Nothing was linked.",
            "Tell the operator of this service; its log has the cause.",
        ),
    };
    Ended {
        frame: &visit.site.frame,
        mood: Mood::Bad,
        heading: "It did not work",
        text,
        advice,
        detail: Some(&fault.detail),
    }
}
