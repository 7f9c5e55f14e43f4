//! What a check found.

use std::fmt;

use central_oauth_domain::ports::ProviderError;

use super::remedy;
use crate::settings::Flow;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: Subject,
    /// How it is.
    pub verdict: Verdict,
    /// What was found, in words without a full stop.
    pub found: String,
    /// What to do, in whole sentences.
    pub remedy: Option<String>,
    /// Whether it may be well when it is looked at again later.
    pub is_passing: bool,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// What the operator says about the provider.
    Settings,
    /// DNS, TCP and TLS, for each host.
    Reachability,
    /// The issuer's metadata.
    Discovery,
    /// Whether all endpoints are there.
    Endpoints,
    /// What is asked for.
    Scopes,
    /// This machine's clock against the provider's.
    Clock,
    /// The device authorization endpoint.
    DeviceFlow,
    /// Where browsers are sent back to.
    RedirectUri,
    /// Where people are sent.
    Authorization,
    /// Whether the token endpoint accepts this service.
    Client,
    /// Whether tokens can be given back.
    Revocation,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Well.
    Ok,
    /// It works, but the operator should know.
    Warning,
    /// It does not work.
    Problem,
}

impl Finding {
    /// Something that is well.
    pub(super) fn ok(subject: Subject, found: impl Into<String>) -> Self {
        Self {
            subject,
            verdict: Verdict::Ok,
            found: found.into(),
            remedy: None,
            is_passing: false,
        }
    }

    /// Something to know.
    pub(super) fn warning(subject: Subject, found: impl Into<String>, remedy: &str) -> Self {
        let verdict = Verdict::Warning;
        Self {
            verdict,
            ..Self::ok(subject, found).with(remedy)
        }
    }

    /// Something that does not work.
    pub(super) fn problem(subject: Subject, found: impl Into<String>, remedy: &str) -> Self {
        let verdict = Verdict::Problem;
        Self {
            verdict,
            ..Self::ok(subject, found).with(remedy)
        }
    }

    /// What the provider did not do in this flow. The words are free of what was sent to it.
    pub(super) fn failed(subject: Subject, error: &ProviderError, flow: Flow) -> Self {
        Self {
            is_passing: remedy::is_passing(error),
            ..Self::problem(subject, error.to_string(), remedy::of(error, flow))
        }
    }

    /// The same with a remedy.
    pub(super) fn with(self, remedy: &str) -> Self {
        let remedy = Some(remedy.to_owned());
        Self { remedy, ..self }
    }
}

impl Subject {
    /// Its name, which scripts can rely on.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Reachability => "reachability",
            Self::Discovery => "discovery",
            Self::Endpoints => "endpoints",
            Self::Scopes => "scopes",
            Self::Clock => "clock",
            Self::DeviceFlow => "device_flow",
            Self::RedirectUri => "redirect_uri",
            Self::Authorization => "authorization",
            Self::Client => "client",
            Self::Revocation => "revocation",
        }
    }
}

impl Verdict {
    /// Its name, which scripts can rely on.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
