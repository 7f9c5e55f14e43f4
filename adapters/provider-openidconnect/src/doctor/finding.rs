use central_oauth_domain::ports::ProviderError;
use central_oauth_domain::words;

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
    pub is_temporary: bool,
}

words! {
    /// The subject of a check, by its stable name for scripts.
    Subject {
        /// The operator's settings.
        Settings => "settings",
        /// DNS, TCP and TLS, for each host.
        Reachability => "reachability",
        /// The issuer's metadata.
        Discovery => "discovery",
        /// The required endpoints.
        Endpoints => "endpoints",
        /// The scopes.
        Scopes => "scopes",
        /// This machine's clock compared with the provider's.
        Clock => "clock",
        /// The device authorization endpoint.
        DeviceFlow => "device_flow",
        /// The redirect URI of links.
        RedirectUri => "redirect_uri",
        /// The authorization endpoint.
        Authorization => "authorization",
        /// Whether the token endpoint accepts this client.
        Client => "client",
        /// Whether tokens can be revoked.
        Revocation => "revocation",
    }
}

words! {
    /// The verdict of a check, by its stable name for scripts.
    Verdict {
        /// No problem.
        Ok => "ok",
        /// The subject works, but the operator should know something.
        Warning => "warning",
        /// The subject does not work.
        Problem => "problem",
    }
}

impl Finding {
    pub(super) fn ok(subject: Subject, found: impl Into<String>) -> Self {
        Self {
            subject,
            verdict: Verdict::Ok,
            found: found.into(),
            remedy: None,
            is_temporary: false,
        }
    }

    pub(super) fn warning(subject: Subject, found: impl Into<String>, remedy: &str) -> Self {
        Self {
            verdict: Verdict::Warning,
            ..Self::ok(subject, found).with(remedy)
        }
    }

    pub(super) fn problem(subject: Subject, found: impl Into<String>, remedy: &str) -> Self {
        Self {
            verdict: Verdict::Problem,
            ..Self::ok(subject, found).with(remedy)
        }
    }

    /// Reports an error of the provider. Its text contains no secret that was sent.
    pub(super) fn failed(subject: Subject, error: &ProviderError, flow: Flow) -> Self {
        Self {
            is_temporary: remedy::is_temporary(error),
            ..Self::problem(subject, error.to_string(), remedy::of(error, flow))
        }
    }

    pub(super) fn with(self, remedy: &str) -> Self {
        let remedy = Some(remedy.to_owned());
        Self { remedy, ..self }
    }
}
