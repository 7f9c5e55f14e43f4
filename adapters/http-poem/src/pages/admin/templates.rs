//! Data that several pages have in common. Askama escapes every value for HTML.

use askama::Template;
use central_oauth_domain::grant::AccountStatus;
use central_oauth_domain::grant::revocation::RevocationStatus;

use crate::pages::site;

/// What all pages of operators show around their content.
pub(super) struct DeskFrame<'a> {
    pub(super) base: &'a str,
    pub(super) style: &'a str,
    pub(super) csrf: &'a str,
    pub(super) operator: &'a str,
    pub(super) is_admin: bool,
    pub(super) tabs: [Tab; 3],
}

/// A page that all pages lead to.
pub(super) struct Tab {
    pub(super) name: &'static str,
    pub(super) href: String,
    pub(super) is_present: bool,
}

/// Asks before something is done.
#[derive(Template)]
#[template(path = "admin/confirm.html")]
pub(super) struct Confirm<'a> {
    pub(super) frame: &'a site::Frame,
    pub(super) desk: DeskFrame<'a>,
    pub(super) heading: &'a str,
    /// What it is done to.
    pub(super) subject: &'a str,
    pub(super) text: &'a str,
    pub(super) button: &'a str,
    pub(super) action: &'a str,
    pub(super) back: &'a str,
    pub(super) asks: Asks,
    /// Whether it cannot be undone.
    pub(super) is_final: bool,
    pub(super) problem: Option<&'a str>,
}

/// What else a confirmation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    Nothing,
    /// Whether keys that a key has made are deleted, too.
    Descendants,
    /// The operator's key once more.
    OwnKey,
}

/// Says why something was not done.
#[derive(Template)]
#[template(path = "admin/message.html")]
pub(super) struct Message<'a> {
    pub(super) frame: &'a site::Frame,
    pub(super) desk: DeskFrame<'a>,
    pub(super) heading: &'a str,
    pub(super) text: &'a str,
}

/// A status in a word, and its colour.
pub(super) struct Status {
    pub(super) word: &'static str,
    pub(super) class: &'static str,
}

impl Status {
    pub(super) const WELL: Self = Self::new("works", "good");
    pub(super) const OUTAGE: Self = Self::new("no answer", "bad");
    pub(super) const FAILS: Self = Self::new("fails", "bad");
    pub(super) const RUNS: Self = Self::new("runs", "good");
    pub(super) const GONE: Self = Self::new("gone", "calm");

    const fn new(word: &'static str, class: &'static str) -> Self {
        Self { word, class }
    }
}

impl From<AccountStatus> for Status {
    fn from(status: AccountStatus) -> Self {
        match status {
            AccountStatus::Active => Self::new("active", "good"),
            AccountStatus::Degraded => Self::new("degraded", "careful"),
            AccountStatus::RelinkRequired => Self::new("relink required", "bad"),
        }
    }
}

impl From<RevocationStatus> for Status {
    fn from(status: RevocationStatus) -> Self {
        match status {
            RevocationStatus::Pending => Self::new("pending", "careful"),
            RevocationStatus::Revoked => Self::new("revoked", "good"),
            RevocationStatus::Unsupported => Self::new("unsupported", "calm"),
            RevocationStatus::Failed => Self::new("failed", "bad"),
            RevocationStatus::Cancelled => Self::new("cancelled", "calm"),
        }
    }
}
