//! Data of the templates. Askama escapes every value for HTML.

use askama::Template;
use central_oauth_domain::ports::ScopeWords;

use super::site::Frame;
use super::texts::{Text, Texts};
use super::words::Moment;

/// The form for a code.
#[derive(Template)]
#[template(path = "device/enter.html")]
pub(super) struct Enter<'a> {
    pub(super) t: Texts,
    pub(super) frame: &'a Frame,
    pub(super) csrf: &'a str,
    pub(super) code: &'a str,
    pub(super) problem: Option<Text>,
    pub(super) notice: Option<Notice>,
}

/// A notice above the form.
pub(super) struct Notice {
    pub(super) text: Text,
    /// The address where it would work.
    pub(super) address: String,
}

/// Who asks, and for what.
#[derive(Template)]
#[template(path = "device/confirm.html")]
pub(super) struct Confirm<'a> {
    pub(super) t: Texts,
    pub(super) frame: &'a Frame,
    pub(super) csrf: &'a str,
    pub(super) code: &'a str,
    pub(super) client: Option<&'a str>,
    pub(super) address: Option<&'a str>,
    /// What the JWT of a workload says about the job that asks.
    pub(super) workload: Vec<(&'a str, &'a str)>,
    /// Whether that is the network of this browser, if it is known.
    pub(super) is_near: Option<bool>,
    pub(super) asked: Moment,
    pub(super) provider: &'a str,
    /// The name under which the provider shows this service.
    pub(super) consent_name: Option<&'a str>,
    /// The scopes, with what they permit in words.
    pub(super) scopes: &'a [(String, Option<ScopeWords>)],
    pub(super) is_relink: bool,
    /// Whether the person has opened an address of this service, so that nobody has sent them the code.
    pub(super) is_invited: bool,
}

/// What the address of a relink is for.
#[derive(Template)]
#[template(path = "device/relink.html")]
pub(super) struct Relink<'a> {
    pub(super) t: Texts,
    pub(super) frame: &'a Frame,
    pub(super) csrf: &'a str,
    pub(super) provider: &'a str,
    pub(super) client: Option<&'a str>,
    pub(super) time_left: Text,
    pub(super) notice: Option<Text>,
}

/// Data of all pages of a link in progress. They reload when the link changes.
pub(super) struct Live<'a> {
    pub(super) csrf: &'a str,
    pub(super) code: &'a str,
    pub(super) address: String,
    pub(super) status: String,
    /// The stage; the page reloads when it changes.
    pub(super) stage: &'static str,
    pub(super) provider: &'a str,
    /// The name under which the provider shows this service.
    pub(super) consent_name: Option<&'a str>,
    pub(super) client: Option<&'a str>,
    pub(super) seconds_left: u64,
    pub(super) time_left: Text,
    pub(super) request_id: &'a str,
}

/// Confirmed, but the provider has not responded.
#[derive(Template)]
#[template(path = "device/waiting.html")]
pub(super) struct Waiting<'a> {
    pub(super) t: Texts,
    pub(super) frame: &'a Frame,
    pub(super) live: Live<'a>,
}

/// What to do at the provider.
#[derive(Template)]
#[template(path = "device/prompt.html")]
pub(super) struct AtProvider<'a> {
    pub(super) t: Texts,
    pub(super) frame: &'a Frame,
    pub(super) live: Live<'a>,
    /// The code to type there, in flows that have one.
    pub(super) user_code: Option<&'a str>,
    /// The link to the provider, shown as a button.
    pub(super) way: Option<Way>,
    /// Where to type the code by hand.
    pub(super) by_hand: Option<ByHand<'a>>,
}

/// A link to the provider.
pub(super) struct Way {
    pub(super) href: String,
    pub(super) host: String,
    /// Whether the link contains the code, or no code is needed.
    pub(super) has_code: bool,
    /// Whether the provider sends the browser back here.
    pub(super) leads_back: bool,
}

/// Where to type the code, as the provider wrote it; with a link if it is safe.
pub(super) struct ByHand<'a> {
    pub(super) text: &'a str,
    pub(super) href: Option<String>,
}

/// The provider has answered; the service finds out whose account it is, or that the person declined.
#[derive(Template)]
#[template(path = "device/finishing.html")]
pub(super) struct Finishing<'a> {
    pub(super) t: Texts,
    pub(super) frame: &'a Frame,
    pub(super) live: Live<'a>,
}

/// The person has consented, and the program needs the return code.
#[derive(Template)]
#[template(path = "device/confirming.html")]
pub(super) struct Confirming<'a> {
    pub(super) t: Texts,
    pub(super) frame: &'a Frame,
    pub(super) live: Live<'a>,
    pub(super) return_code: String,
}

#[derive(Template)]
#[template(path = "device/linked.html")]
pub(super) struct Linked<'a> {
    pub(super) t: Texts,
    pub(super) frame: &'a Frame,
    pub(super) csrf: &'a str,
    pub(super) code: &'a str,
    pub(super) client: Option<&'a str>,
    pub(super) provider: &'a str,
    pub(super) account: Option<LinkedAccount<'a>>,
    /// Whether a program asked, whose access the person can end.
    pub(super) is_of_program: bool,
}

pub(super) struct LinkedAccount<'a> {
    pub(super) name: &'a str,
    /// The provider's id, if it differs from the name.
    pub(super) id: Option<&'a str>,
    pub(super) is_identified: bool,
}

/// The link has ended or cannot continue.
#[derive(Template)]
#[template(path = "device/ended.html")]
pub(super) struct Ended<'a> {
    pub(super) t: Texts,
    pub(super) frame: &'a Frame,
    pub(super) mood: Mood,
    pub(super) heading: Text,
    pub(super) text: Text,
    pub(super) advice: Text,
    /// A provider's or an error's own words.
    pub(super) detail: Option<String>,
    /// The id of the request, if the person should tell the operator.
    pub(super) request_id: Option<&'a str>,
}

/// How a page looks at the end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// The link ended as the person wanted.
    Calm,
    /// It may work another time.
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
