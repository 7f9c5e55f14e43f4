//! The operator's doctor: looks at a provider before anybody links an account, and says what to do about what it finds.

mod authorization_code;
mod clock;
mod device;
mod discovery;
mod finding;
mod reach;
mod remedy;
mod revocation;
mod settings;

use std::sync::Arc;

pub use finding::{Finding, Subject, Verdict};

use crate::discovery::Metadata;
use crate::provider::OpenIdConnectProvider;
use crate::server::Server;
use crate::settings::{Flow, ProviderSettings};
use reach::Host;

impl OpenIdConnectProvider {
    /// Asks the provider what a link would ask it, as far as that goes without a person: with the device flow this
    /// starts one that nobody finishes. `redirect_uri` is where browsers would be sent back to.
    ///
    /// Findings hold no secret, device code or token. Each exchange takes the provider's timeout at most.
    pub async fn check(&self, redirect_uri: &str) -> Vec<Finding> {
        let mut checkup = Checkup {
            provider: self,
            findings: Vec::new(),
            hosts: Vec::new(),
        };
        checkup.settings();
        if let Some(found) = checkup.discovery().await {
            checkup.client(&found);
            checkup.scopes(&found);
            checkup.hosts(&found.server).await;
            checkup.clock(&found.server);
            if checkup.endpoints(&found.server) {
                checkup.flow(&found.server, redirect_uri).await;
            }
            checkup.revocation(&found.server);
        }
        checkup.findings
    }
}

/// One look at a provider, and what it has shown so far.
struct Checkup<'a> {
    provider: &'a OpenIdConnectProvider,
    findings: Vec<Finding>,
    hosts: Vec<Host>,
}

/// The server as it describes itself, or as the operator does.
struct Found {
    server: Arc<Server>,
    metadata: Option<Metadata>,
}

impl<'a> Checkup<'a> {
    fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    const fn configured(&self) -> &'a ProviderSettings {
        &self.provider.settings
    }

    async fn flow(&mut self, server: &Server, redirect_uri: &str) {
        match self.configured().flow {
            Flow::Device => self.device_flow().await,
            Flow::AuthorizationCode => self.authorization_code(server, redirect_uri).await,
        }
    }
}
