//! What went wrong, in words that may be stored and shown.

use crate::text::presentable;

/// A lasting trouble of a link or an account: a stable code for programs and a sentence for people. Free of secrets:
/// whoever makes one from a provider's words removes what was sent to the provider first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Machine-readable, `snake_case`.
    pub code: String,
    /// One sentence for a person, of bounded length and [`presentable`].
    pub detail: String,
}

impl Fault {
    /// The code of what passes by itself: no answer of the provider, or none that can be understood.
    pub const UNAVAILABLE: &str = "provider_unavailable";

    /// The code of a provider's no to a person.
    pub const ACCESS_DENIED: &str = "access_denied";
    /// The detail of [`Fault::ACCESS_DENIED`] where the provider gave none.
    pub const DECLINED: &str = "declined at the provider";

    /// The code of a consent that was good for one redemption, whose answer has not arrived.
    pub const ANSWER_LOST: &str = "answer_lost";

    /// The code of tokens that came from elsewhere than where the configuration points now.
    pub const CLIENT_CHANGED: &str = "client_changed";

    /// The code of a provider that is not in the configuration any more.
    pub const NOT_CONFIGURED: &str = "provider_not_configured";

    /// The code of an account that cannot be refreshed.
    pub const NO_REFRESH_TOKEN: &str = "no_refresh_token";

    /// The code of a grant that ends soon whatever is done.
    pub const GRANT_EXPIRES_SOON: &str = "grant_expires_soon";

    const MOST_CHARACTERS: usize = 500;

    /// A fault whose detail is made [`presentable`] and cut to 500 characters.
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
