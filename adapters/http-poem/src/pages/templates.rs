//! Data of the templates. Askama escapes every value for HTML.

use askama::Template;
use central_oauth_domain::link::{Link, LinkCode};
use central_oauth_domain::usecases::{LinkView, RelinkView};

use super::progress;
use super::texts::Text;
use super::visit::Visit;
use super::words::Moment;

/// The form for a code.
#[derive(Template)]
#[template(path = "device/enter.html")]
pub(super) struct Enter<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) code: &'a str,
    pub(super) problem: Option<Text>,
    pub(super) notice: Option<Notice>,
}

/// A notice above the form.
pub(super) struct Notice {
    pub(super) text: Text,
    /// The URL at which the form works.
    pub(super) address: String,
}

/// The page that shows which program requests access, and to what.
#[derive(Template)]
#[template(path = "device/confirm.html")]
pub(super) struct Confirm<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) view: &'a LinkView,
    pub(super) code: &'a LinkCode,
    /// The claims of the workload's JWT that describe the requesting job.
    pub(super) workload: Vec<(&'a str, &'a str)>,
    /// Whether the client is in the network of this browser, if that is known.
    pub(super) is_near: Option<bool>,
    pub(super) asked: Moment,
}

/// The page at a relink URL.
#[derive(Template)]
#[template(path = "device/relink.html")]
pub(super) struct Relink<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) view: &'a RelinkView,
    pub(super) time_left: Text,
    pub(super) notice: Option<Text>,
}

/// The page of a link that is confirmed, but whose provider has not responded.
#[derive(Template)]
#[template(path = "device/waiting.html")]
pub(super) struct Waiting<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) view: &'a LinkView,
    pub(super) code: &'a LinkCode,
}

/// The page that leads to the provider.
#[derive(Template)]
#[template(path = "device/prompt.html")]
pub(super) struct AtProvider<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) view: &'a LinkView,
    pub(super) code: &'a LinkCode,
    /// The code to type at the provider, in flows that have one.
    pub(super) user_code: Option<&'a str>,
    /// The link to the provider, shown as a button.
    pub(super) provider_link: Option<ProviderLink>,
    /// The page at which the person types the code by hand.
    pub(super) by_hand: Option<ByHand<'a>>,
}

pub(super) struct ProviderLink {
    pub(super) href: String,
    pub(super) host: String,
    /// Whether the link contains the code, or no code is needed.
    pub(super) has_code: bool,
    /// Whether the provider sends the browser back here.
    pub(super) leads_back: bool,
}

/// The URL at which the person types the code, as the provider wrote it. It is a link only if the URL is safe.
pub(super) struct ByHand<'a> {
    pub(super) text: &'a str,
    pub(super) href: Option<String>,
}

/// The page after the provider has answered, while the service still processes the answer.
#[derive(Template)]
#[template(path = "device/finishing.html")]
pub(super) struct Finishing<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) view: &'a LinkView,
    pub(super) code: &'a LinkCode,
}

/// The page after the consent, with the return code that the program needs.
#[derive(Template)]
#[template(path = "device/confirming.html")]
pub(super) struct Confirming<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) view: &'a LinkView,
    pub(super) code: &'a LinkCode,
    pub(super) return_code: String,
}

#[derive(Template)]
#[template(path = "device/linked.html")]
pub(super) struct Linked<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) view: &'a LinkView,
    pub(super) code: &'a LinkCode,
}

/// The page of a link that has ended or cannot continue.
#[derive(Template)]
#[template(path = "device/ended.html")]
pub(super) struct Ended<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) mood: Mood,
    pub(super) heading: Text,
    pub(super) text: Text,
    pub(super) advice: Text,
    /// The text of the provider or of the error.
    pub(super) detail: Option<String>,
    /// Whether the advice is to tell the operator. The page then shows the request id, which the operator needs.
    pub(super) tells_operator: bool,
}

impl<'a> Ended<'a> {
    /// Returns the page with the messages `{stem}-heading`, `{stem}-text` and `{stem}-advice`.
    pub(super) fn new(visit: &'a Visit<'a>, mood: Mood, stem: &str) -> Self {
        let part = |name| visit.texts.say(&format!("{stem}-{name}"));
        Self {
            visit,
            mood,
            heading: part("heading"),
            text: part("text"),
            advice: part("advice"),
            detail: None,
            tells_operator: false,
        }
    }

    /// Replaces the advice if no program started the link, because the person cannot ask a program for a new code.
    pub(super) fn with_advice_for(self, link: &Link) -> Self {
        if link.is_of_program() {
            return self;
        }
        let advice = self.visit.texts.say("ended-invited-advice");
        Self { advice, ..self }
    }
}

/// How a page looks at the end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// The link ended as the person wanted.
    Calm,
    /// Another attempt may work.
    Careful,
    Bad,
}

impl Mood {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Careful => "careful",
            Self::Bad => "bad",
        }
    }
}
