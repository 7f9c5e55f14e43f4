//! Options of a sandbox.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::model::{AutoPerson, Reuse};

/// Options of a sandbox. Start from [`SandboxOptions::default`].
#[derive(Clone)]
pub struct SandboxOptions {
    /// The listen address, on loopback; port 0 takes a free port.
    pub listen: SocketAddr,
    /// The id of its only client.
    pub client_id: String,
    /// The client's secret; without one the client is public.
    pub client_secret: Option<String>,
    /// The client's name on the consent page.
    pub client_name: String,
    /// An invented person consents automatically this long after a flow has started.
    pub auto_consent: Option<Duration>,
    /// Who consents automatically.
    pub auto_person: AutoPerson,
    /// How long people have to consent.
    pub device_code_ttl: Duration,
    /// The polling interval.
    pub interval: Duration,
    /// Lifetime of access tokens.
    pub access_token_ttl: Duration,
    /// Lifetime of refresh tokens; each rotation restarts it.
    pub refresh_token_ttl: Duration,
    /// What happens when a refresh token is used twice.
    pub reuse: Reuse,
    /// Whether every use of a refresh token is recorded, for [`Sandbox::ledger`](crate::Sandbox::ledger).
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
    /// People log in without a password, so nobody else may reach it.
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
