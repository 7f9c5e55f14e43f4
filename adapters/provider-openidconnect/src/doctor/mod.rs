//! Checks a provider before anybody links an account, and says what to do about problems.

mod authorization_code;
mod clock;
mod device;
mod discovery;
mod finding;
mod reach;
mod remedy;
mod revocation;
mod settings;

pub use finding::{Finding, Subject, Verdict};

use crate::discovery::Metadata;
use crate::provider::OpenIdConnectProvider;
use crate::server::Server;
use crate::settings::{Flow, ProviderSettings};
use reach::Host;

impl OpenIdConnectProvider {
    /// Sends the provider the requests that a link needs, as far as that is possible without a person. With the device
    /// flow, this starts a flow that expires unused. `redirect_uri` is the redirect URI of links.
    ///
    /// Findings contain no secret, device code or token. Each exchange takes at most the provider's timeout.
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

/// A check in progress.
struct Checkup<'a> {
    provider: &'a OpenIdConnectProvider,
    findings: Vec<Finding>,
    hosts: Vec<Host>,
}

/// The server as its metadata or the operator's settings describe it.
struct Found {
    server: Server,
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
