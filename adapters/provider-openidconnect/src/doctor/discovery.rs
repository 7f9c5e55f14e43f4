//! Checks the issuer's metadata and the required endpoints.

use central_oauth_domain::ports::ProviderError;
use url::Url;

use super::{Checkup, Finding, Found, Subject};
use crate::discovery::Metadata;
use crate::server::Server;
use crate::settings::Flow;

impl Checkup<'_> {
    /// Checks the issuer's metadata. Returns the server, or `None` if the metadata cannot be used.
    pub(super) async fn discovery(&mut self) -> Option<Found> {
        let settings = self.configured();
        let Some(issuer) = &settings.issuer else {
            let words = "no issuer is configured; the configured endpoints are used";
            self.add(Finding::ok(Subject::Discovery, words));
            return Some(Found {
                server: Server::described(settings),
                metadata: None,
            });
        };
        if !self.reach(issuer).await {
            return None;
        }
        match self.ask(issuer).await {
            Ok(found) => Some(found),
            Err(error) => {
                self.add(Finding::failed(Subject::Discovery, &error, settings.flow));
                None
            }
        }
    }

    async fn ask(&mut self, issuer: &Url) -> Result<Found, ProviderError> {
        let settings = self.configured();
        let template = settings.quirks.identity.issuer_template.as_deref();
        let (http, deadline) = (&self.provider.http, self.provider.deadline());
        let metadata = Metadata::discover(http, issuer, template, deadline).await?;
        let server = Server::discovered(settings, &metadata)?;
        server.check_for_links()?;
        let location = &metadata.location;
        let words =
            format!("the issuer's metadata is at {location} and names the configured issuer");
        self.add(Finding::ok(Subject::Discovery, words));
        Ok(Found {
            server,
            metadata: Some(metadata),
        })
    }

    /// Checks that the server has the endpoints that links require.
    pub(super) fn endpoints(&mut self, server: &Server) -> bool {
        let flow = self.configured().flow;
        let problem = |error: ProviderError| Finding::failed(Subject::Endpoints, &error, flow);
        let start = match flow {
            Flow::Device => server.device_authorization().err().map(|error| {
                Finding::problem(Subject::Endpoints, error.to_string(), NO_DEVICE_ENDPOINT)
            }),
            Flow::AuthorizationCode => server.authorization().err().map(problem),
        };
        let token = server.token().err().map(problem);
        let missing: Vec<_> = start.into_iter().chain(token).collect();
        let is_complete = missing.is_empty();
        self.findings.extend(missing);
        if is_complete {
            let words = format!("the server has {}", endpoints(server).join(", "));
            self.add(Finding::ok(Subject::Endpoints, words));
        }
        is_complete
    }
}

const NO_DEVICE_ENDPOINT: &str = "Enable the device flow at the provider. If the server has it and only its metadata does \
     not, set device_authorization_endpoint. If it has no device flow, set flow = \"authorization_code\".";

fn endpoints(server: &Server) -> Vec<&'static str> {
    let all = [
        ("token", server.token().is_ok()),
        (
            "device authorization",
            server.device_authorization().is_ok(),
        ),
        ("authorization", server.authorization().is_ok()),
        ("revocation", matches!(server.revocation(), Ok(Some(_)))),
        ("userinfo", server.userinfo.is_some()),
        ("keys", server.issuer.is_some()),
    ];
    let there = all.into_iter().filter(|(_, is_there)| *is_there);
    there.map(|(name, _)| name).collect()
}
