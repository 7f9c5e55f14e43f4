//! What the caller decides.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::model::{AutoPerson, Reuse};

/// How a sandbox behaves. Start from [`SandboxOptions::default`].
#[derive(Clone)]
pub struct SandboxOptions {
    /// Where it listens: a loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The one client that it knows.
    pub client_id: String,
    /// The secret of that client; without one the client is public.
    pub client_secret: Option<String>,
    /// The name that people read on the consent page.
    pub client_name: String,
    /// A made-up person consents unasked this long after a flow has started.
    pub auto_consent: Option<Duration>,
    /// Who that is.
    pub auto_person: AutoPerson,
    /// How long people have to consent.
    pub device_code_ttl: Duration,
    /// The pace at which a client may ask for its tokens.
    pub interval: Duration,
    /// How long an access token lasts.
    pub access_token_ttl: Duration,
    /// How long a refresh token lasts; each rotation starts it anew.
    pub refresh_token_ttl: Duration,
    /// What becomes of a refresh token that is presented twice.
    pub reuse: Reuse,
    /// Whether every use of a refresh token is written down, for [`Sandbox::ledger`](crate::Sandbox::ledger).
    pub keep_ledger: bool,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            client_id: "sandbox-client".to_owned(),
            client_secret: None,
            client_name: "Central OAuth".to_owned(),
            auto_consent: None,
            auto_person: AutoPerson::default(),
            device_code_ttl: Duration::from_secs(600),
            interval: Duration::from_secs(2),
            access_token_ttl: Duration::from_secs(300),
            refresh_token_ttl: Duration::from_secs(30 * 24 * 3600),
            reuse: Reuse::default(),
            keep_ledger: false,
        }
    }
}

impl SandboxOptions {
    /// People log in without a password here, so nobody else may reach it.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.listen.ip().is_loopback() {
            return Ok(());
        }
        let problem = format!(
            "the sandbox listens on loopback addresses only, not on {}",
            self.listen
        );
        Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
    }
}

impl std::fmt::Debug for SandboxOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SandboxOptions")
            .field("listen", &self.listen)
            .field("client_id", &self.client_id)
            .field("auto_consent", &self.auto_consent)
            .finish_non_exhaustive()
    }
}
