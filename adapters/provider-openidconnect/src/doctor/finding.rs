//! The result of a check.

use std::fmt;

use central_oauth_domain::ports::ProviderError;

use super::remedy;
use crate::settings::Flow;

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked.
    pub subject: Subject,
    /// The verdict.
    pub verdict: Verdict,
    /// What was found, in words without a full stop.
    pub found: String,
    /// What to do, in whole sentences.
    pub remedy: Option<String>,
    /// Whether the problem may pass by itself.
    pub is_passing: bool,
}

/// The subject of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The operator's settings.
    Settings,
    /// DNS, TCP and TLS, for each host.
    Reachability,
    /// The issuer's metadata.
    Discovery,
    /// The required endpoints.
    Endpoints,
    /// The scopes.
    Scopes,
    /// This machine's clock compared with the provider's.
    Clock,
    /// The device authorization endpoint.
    DeviceFlow,
    /// The redirect URI of links.
    RedirectUri,
    /// The authorization endpoint.
    Authorization,
    /// Whether the token endpoint accepts this client.
    Client,
    /// Whether tokens can be revoked.
    Revocation,
}

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No problem.
    Ok,
    /// It works, but the operator should know.
    Warning,
    /// It does not work.
    Problem,
}

impl Finding {
    /// Creates a finding without a problem.
    pub(super) fn ok(subject: Subject, found: impl Into<String>) -> Self {
        Self {
            subject,
            verdict: Verdict::Ok,
            found: found.into(),
            remedy: None,
            is_passing: false,
        }
    }

    /// Creates a warning.
    pub(super) fn warning(subject: Subject, found: impl Into<String>, remedy: &str) -> Self {
        let verdict = Verdict::Warning;
        Self {
            verdict,
            ..Self::ok(subject, found).with(remedy)
        }
    }

    /// Creates a problem.
    pub(super) fn problem(subject: Subject, found: impl Into<String>, remedy: &str) -> Self {
        let verdict = Verdict::Problem;
        Self {
            verdict,
            ..Self::ok(subject, found).with(remedy)
        }
    }

    /// Converts an error of the provider, whose texts contain nothing that was sent.
    pub(super) fn failed(subject: Subject, error: &ProviderError, flow: Flow) -> Self {
        Self {
            is_passing: remedy::is_passing(error),
            ..Self::problem(subject, error.to_string(), remedy::of(error, flow))
        }
    }

    /// Sets the remedy.
    pub(super) fn with(self, remedy: &str) -> Self {
        let remedy = Some(remedy.to_owned());
        Self { remedy, ..self }
    }
}

impl Subject {
    /// Returns the stable name for scripts.
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
    /// Returns the stable name for scripts.
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
