use std::time::Duration;

use crate::model::{AutoPerson, Reuse};

/// Lifetime of device codes: how long people have to consent.
pub(crate) const DEVICE_CODE_TTL: Duration = Duration::from_secs(600);
/// Lifetime of refresh tokens. Each new refresh token gets the full lifetime.
pub(crate) const REFRESH_TOKEN_TTL: Duration = Duration::from_secs(30 * 24 * 3600);
/// The client's name on the consent page.
pub(crate) const CLIENT_NAME: &str = "Central OAuth";

/// Options of a sandbox. Start from [`SandboxOptions::default`].
#[derive(Clone)]
pub struct SandboxOptions {
    /// The id of the only client.
    pub client_id: String,
    /// The client's secret. Without a secret, the client is public.
    pub client_secret: Option<String>,
    /// How long after the start of a flow an invented person consents. `None`: nobody consents automatically.
    pub auto_consent: Option<Duration>,
    /// Who consents automatically.
    pub auto_person: AutoPerson,
    /// The polling interval.
    pub interval: Duration,
    /// Lifetime of access tokens.
    pub access_token_ttl: Duration,
    /// What happens when a refresh token is used again.
    pub reuse: Reuse,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            client_id: "sandbox-client".to_owned(),
            client_secret: None,
            auto_consent: None,
            auto_person: AutoPerson::default(),
            interval: Duration::from_secs(2),
            access_token_ttl: Duration::from_secs(300),
            reuse: Reuse::default(),
        }
    }
}

impl std::fmt::Debug for SandboxOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SandboxOptions")
            .field("client_id", &self.client_id)
            .field("auto_consent", &self.auto_consent)
            .finish_non_exhaustive()
    }
}
