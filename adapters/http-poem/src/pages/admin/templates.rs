//! Data that several pages have in common. Askama escapes every value for HTML.

use askama::Template;
use central_oauth_domain::grant::revocation::RevocationStatus;
use central_oauth_domain::grant::{Account, AccountStatus};

use super::actions::Words;
use super::desk::Desk;
use crate::pages::visit::Visit;

/// The page that asks for confirmation.
#[derive(Template)]
#[template(path = "admin/confirm.html")]
pub(super) struct Confirm<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) desk: &'a Desk<'a>,
    pub(super) account: &'a Account,
    pub(super) words: &'a Words<'a>,
    pub(super) problem: Option<&'a str>,
}

/// The additional input that a confirmation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    Nothing,
    /// Whether to delete also the keys that this key has created.
    Descendants,
    /// The operator's key, entered again.
    OwnKey,
}

/// The page that says why something was not done.
#[derive(Template)]
#[template(path = "admin/message.html")]
pub(super) struct Message<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) desk: &'a Desk<'a>,
    pub(super) heading: &'a str,
    pub(super) text: &'a str,
}

/// The page that reloads itself. The second request comes from this site, so the browser sends the session cookie,
/// which is `SameSite=Strict`.
#[derive(Template)]
#[template(path = "admin/from_elsewhere.html")]
pub(super) struct FromElsewhere<'a> {
    pub(super) visit: &'a Visit<'a>,
}

/// The page for a request whose session could not be read.
#[derive(Template)]
#[template(path = "admin/unavailable.html")]
pub(super) struct Unavailable<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) detail: &'a str,
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

impl From<&AccountStatus> for Status {
    fn from(status: &AccountStatus) -> Self {
        match status {
            AccountStatus::Active => Self::new("active", "good"),
            AccountStatus::Degraded => Self::new("degraded", "careful"),
            AccountStatus::RelinkRequired => Self::new("relink required", "bad"),
        }
    }
}

impl From<&RevocationStatus> for Status {
    fn from(status: &RevocationStatus) -> Self {
        match status {
            RevocationStatus::Pending => Self::new("pending", "careful"),
            RevocationStatus::Revoked => Self::new("revoked", "good"),
            RevocationStatus::Unsupported => Self::new("unsupported", "calm"),
            RevocationStatus::Failed => Self::new("failed", "bad"),
            RevocationStatus::Cancelled => Self::new("cancelled", "calm"),
        }
    }
}
