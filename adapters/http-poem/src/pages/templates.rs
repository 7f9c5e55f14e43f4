//! What the templates show. Askama escapes every value for HTML.

use askama::Template;

use super::site::Frame;
use super::words::Moment;

/// The form that asks for a code.
#[derive(Template)]
#[template(path = "device/enter.html")]
pub(super) struct Enter<'a> {
    pub(super) frame: &'a Frame,
    pub(super) csrf: &'a str,
    /// What stands in the field.
    pub(super) code: &'a str,
    /// What was wrong with the code.
    pub(super) problem: Option<&'a str>,
    /// What was wrong with anything else.
    pub(super) notice: Option<Notice<'a>>,
}

/// A remark above the form.
pub(super) struct Notice<'a> {
    pub(super) heading: &'a str,
    pub(super) text: &'a str,
    /// The address at which it would work.
    pub(super) address: Option<String>,
}

/// Who asks, and for what.
#[derive(Template)]
#[template(path = "device/confirm.html")]
pub(super) struct Confirm<'a> {
    pub(super) frame: &'a Frame,
    pub(super) csrf: &'a str,
    pub(super) code: &'a str,
    pub(super) client: Option<&'a str>,
    pub(super) address: Option<&'a str>,
    pub(super) asked: Moment,
    pub(super) provider: &'a str,
    pub(super) scopes: &'a [String],
    pub(super) is_relink: bool,
}

/// What all pages of a link under way need: they turn by themselves when it moves on.
pub(super) struct Live<'a> {
    pub(super) csrf: &'a str,
    pub(super) code: &'a str,
    /// This page's address.
    pub(super) address: String,
    /// Where to ask how the link stands.
    pub(super) status: String,
    /// The word that turns when the link moves on.
    pub(super) stage: &'static str,
    pub(super) provider: &'a str,
    pub(super) client: Option<&'a str>,
    pub(super) seconds_left: u64,
    pub(super) time_left: String,
}

/// Confirmed, but the provider has not answered.
#[derive(Template)]
#[template(path = "device/waiting.html")]
pub(super) struct Waiting<'a> {
    pub(super) frame: &'a Frame,
    pub(super) live: Live<'a>,
}

/// What to do at the provider.
#[derive(Template)]
#[template(path = "device/prompt.html")]
pub(super) struct AtProvider<'a> {
    pub(super) frame: &'a Frame,
    pub(super) live: Live<'a>,
    /// The code to type there, in flows that have one.
    pub(super) user_code: Option<&'a str>,
    /// The button.
    pub(super) way: Option<Way>,
    /// Where to type the code by hand.
    pub(super) by_hand: Option<ByHand<'a>>,
}

/// A link to the provider.
pub(super) struct Way {
    pub(super) href: String,
    /// The host that it leads to.
    pub(super) host: String,
    /// Whether the code is in it, or there is none to type.
    pub(super) has_code: bool,
    /// Whether the provider sends the browser back to this page by itself.
    pub(super) leads_back: bool,
}

/// Where a code is typed, as the provider wrote it; a link where that is safe.
pub(super) struct ByHand<'a> {
    pub(super) text: &'a str,
    pub(super) href: Option<String>,
}

/// The provider has agreed, and the service finds out whose account it is.
#[derive(Template)]
#[template(path = "device/finishing.html")]
pub(super) struct Finishing<'a> {
    pub(super) frame: &'a Frame,
    pub(super) live: Live<'a>,
}

/// Done.
#[derive(Template)]
#[template(path = "device/linked.html")]
pub(super) struct Linked<'a> {
    pub(super) frame: &'a Frame,
    pub(super) client: Option<&'a str>,
    pub(super) provider: &'a str,
    pub(super) account: Option<LinkedAccount<'a>>,
}

/// Whose account it is.
pub(super) struct LinkedAccount<'a> {
    pub(super) name: &'a str,
    /// The provider's id, where it tells more than the name.
    pub(super) id: Option<&'a str>,
    pub(super) is_identified: bool,
}

/// It is over, or it cannot go on.
#[derive(Template)]
#[template(path = "device/ended.html")]
pub(super) struct Ended<'a> {
    pub(super) frame: &'a Frame,
    pub(super) mood: Mood,
    pub(super) heading: &'a str,
    pub(super) text: &'a str,
    /// What to do about it.
    pub(super) advice: &'a str,
    /// Words that are not ours, for whoever looks into it.
    pub(super) detail: Option<&'a str>,
}

/// How a page looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// As somebody wanted it.
    Calm,
    /// It may go better another time.
    Careful,
    /// It failed.
    Bad,
}

impl Mood {
    /// The class of the page's sign.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Careful => "careful",
            Self::Bad => "bad",
        }
    }
}
