//! Data of the templates. Askama escapes every value for HTML.

use askama::Template;
use central_oauth_domain::grant::AccountStatus;
use central_oauth_domain::grant::revocation::RevocationStatus;

use super::qr::Drawing;
use crate::pages::site;
use crate::pages::words::Moment;

/// What all pages of operators show around their content.
pub(super) struct Frame<'a> {
    pub(super) base: &'a str,
    pub(super) style: &'a str,
    pub(super) csrf: &'a str,
    pub(super) operator: &'a str,
    pub(super) is_admin: bool,
    pub(super) tabs: [Tab; 3],
}

impl Frame<'_> {
    const fn tabs(&self) -> &[Tab; 3] {
        &self.tabs
    }
}

/// A page that all pages lead to.
pub(super) struct Tab {
    pub(super) name: &'static str,
    pub(super) href: String,
    pub(super) is_present: bool,
}

/// The form for an operator's key.
#[derive(Template)]
#[template(path = "admin/login.html")]
pub(super) struct Login<'a> {
    pub(super) frame: &'a site::Frame,
    pub(super) action: &'a str,
    pub(super) csrf: &'a str,
    /// Why the last try failed.
    pub(super) problem: Option<&'a str>,
}

/// The list of accounts.
#[derive(Template)]
#[template(path = "admin/accounts.html")]
pub(super) struct Accounts<'a> {
    pub(super) frame: &'a site::Frame,
    pub(super) desk: Frame<'a>,
    /// The providers that can be chosen, and which one is.
    pub(super) providers: Vec<(String, bool)>,
    /// The word and the name of each status, and which one is chosen.
    pub(super) statuses: Vec<(&'static str, &'static str, bool)>,
    pub(super) accounts: Vec<AccountRow>,
    /// The address of the next page.
    pub(super) next: Option<String>,
}

/// An account in a list.
pub(super) struct AccountRow {
    pub(super) href: String,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) status: Status,
    /// The last error, or a warning.
    pub(super) trouble: Option<String>,
    /// When the grant ends, whatever is done.
    pub(super) ends: Option<Moment>,
    pub(super) next_refresh: Option<Moment>,
}

/// One account.
#[derive(Template)]
#[template(path = "admin/account.html")]
pub(super) struct OneAccount<'a> {
    pub(super) frame: &'a site::Frame,
    pub(super) desk: Frame<'a>,
    pub(super) account: AccountRow,
    /// What was done just before.
    pub(super) done: Option<&'static str>,
    pub(super) trouble: Option<String>,
    /// The person's id at the provider.
    pub(super) person: &'a str,
    pub(super) scopes: &'a [String],
    /// Times, their names, and what to say if there is none.
    pub(super) times: Vec<(&'static str, Option<Moment>, &'static str)>,
    pub(super) keys: Vec<KeyRow>,
    pub(super) next: Option<String>,
}

/// A key in a list.
pub(super) struct KeyRow {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) role: &'static str,
    pub(super) limits: Option<String>,
    pub(super) maker: Option<String>,
    pub(super) made: Option<Moment>,
    pub(super) used: Option<Moment>,
    pub(super) expires: Option<Moment>,
}

/// Asks before something is done.
#[derive(Template)]
#[template(path = "admin/confirm.html")]
pub(super) struct Confirm<'a> {
    pub(super) frame: &'a site::Frame,
    pub(super) desk: Frame<'a>,
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
    /// Why the last try failed.
    pub(super) problem: Option<&'a str>,
}

/// What else a confirmation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// Nothing.
    Nothing,
    /// Whether keys that a key has made are deleted, too.
    Descendants,
    /// The operator's key once more.
    OwnKey,
}

/// The form for a new key.
#[derive(Template)]
#[template(path = "admin/new_key.html")]
pub(super) struct NewKey<'a> {
    pub(super) frame: &'a site::Frame,
    pub(super) desk: Frame<'a>,
    pub(super) subject: &'a str,
    pub(super) action: &'a str,
    pub(super) back: &'a str,
    pub(super) name: &'a str,
    pub(super) days: &'a str,
    pub(super) problem: Option<&'a str>,
}

/// A new key, shown once.
#[derive(Template)]
#[template(path = "admin/key.html")]
pub(super) struct Key<'a> {
    pub(super) frame: &'a site::Frame,
    pub(super) desk: Frame<'a>,
    pub(super) key: &'a str,
    pub(super) name: &'a str,
    pub(super) subject: &'a str,
    pub(super) back: &'a str,
}

/// The address at which a person consents again.
#[derive(Template)]
#[template(path = "admin/relink.html")]
pub(super) struct Relink<'a> {
    pub(super) frame: &'a site::Frame,
    pub(super) desk: Frame<'a>,
    pub(super) subject: &'a str,
    pub(super) address: &'a str,
    pub(super) qr: Option<Drawing>,
    pub(super) minutes: u64,
    pub(super) back: &'a str,
}

/// The list of revocations.
#[derive(Template)]
#[template(path = "admin/revocations.html")]
pub(super) struct Revocations<'a> {
    pub(super) frame: &'a site::Frame,
    pub(super) desk: Frame<'a>,
    pub(super) done: Option<&'static str>,
    pub(super) revocations: Vec<RevocationRow>,
    pub(super) next: Option<String>,
}

/// A revocation in a list.
pub(super) struct RevocationRow {
    pub(super) id: String,
    pub(super) account: Option<String>,
    pub(super) provider: String,
    pub(super) status: Status,
    pub(super) trouble: Option<String>,
    pub(super) requested: Option<Moment>,
    pub(super) next_attempt: Option<Moment>,
    pub(super) failures: u32,
}

/// Providers and replicas.
#[derive(Template)]
#[template(path = "admin/service.html")]
pub(super) struct Service<'a> {
    pub(super) frame: &'a site::Frame,
    pub(super) desk: Frame<'a>,
    pub(super) providers: Vec<ProviderRow>,
    pub(super) replicas: Vec<ReplicaRow>,
}

/// A provider in a list.
pub(super) struct ProviderRow {
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) status: Status,
    pub(super) trouble: Option<String>,
    pub(super) asked_again: Option<Moment>,
    pub(super) failures: Option<u32>,
}

/// A replica in a list.
pub(super) struct ReplicaRow {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) status: Status,
    pub(super) started: Option<Moment>,
    pub(super) seen: Option<Moment>,
}

/// Says why something was not done.
#[derive(Template)]
#[template(path = "admin/message.html")]
pub(super) struct Message<'a> {
    pub(super) frame: &'a site::Frame,
    pub(super) desk: Frame<'a>,
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
