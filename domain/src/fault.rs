//! Errors that may be stored and shown.

use crate::text::presentable;

/// A lasting error of a link or an account: a stable code for programs and a sentence for people. It contains no
/// secrets: code that builds one from a provider's words first removes what was sent to the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Machine-readable, `snake_case`.
    pub code: String,
    /// One sentence for a person, of bounded length and [`presentable`].
    pub detail: String,
}

impl Fault {
    /// The code of a temporary failure: no response from the provider, or an incomprehensible one.
    pub const UNAVAILABLE: &str = "provider_unavailable";

    /// The code of a fault that says that a provider, or the person there, declined.
    pub const ACCESS_DENIED: &str = "access_denied";
    /// The detail of [`Fault::ACCESS_DENIED`] where the provider gave none.
    pub const DECLINED: &str = "declined at the provider";

    /// The code of a consent that can be redeemed only once, and whose response was lost.
    pub const ANSWER_LOST: &str = "answer_lost";

    /// The code of tokens that came from another server or client than the configured one.
    pub const CLIENT_CHANGED: &str = "client_changed";

    /// The code of a provider that is not in the configuration any more.
    pub const NOT_CONFIGURED: &str = "provider_not_configured";

    /// The code of an account that cannot be refreshed.
    pub const NO_REFRESH_TOKEN: &str = "no_refresh_token";

    /// The code of a grant that ends soon and cannot be extended.
    pub const GRANT_EXPIRES_SOON: &str = "grant_expires_soon";

    /// The code of a refresh token that may be outdated, because the database was restored from a backup.
    pub const RESTORED: &str = "restored_from_backup";

    /// The code of an event that the receiver of a webhook has read and rejects.
    pub const EVENT_REJECTED: &str = "event_rejected";

    const MOST_CHARACTERS: usize = 500;

    /// Creates a fault. Makes the detail [`presentable`] and cuts it to 500 characters.
    pub fn new(code: impl Into<String>, detail: impl AsRef<str>) -> Self {
        Self {
            code: code.into(),
            detail: presentable(detail.as_ref())
                .chars()
                .take(Self::MOST_CHARACTERS)
                .collect(),
        }
    }
}
