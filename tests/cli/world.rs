//! A service, a sandbox as its provider, and a user's machine.

use central_oauth_test_sandbox::{Sandbox, SandboxOptions};
use tokio::process::Command;

use super::browser::Browser;
use super::linking::Linking;
use super::machine::{Machine, Run};
use crate::support::http;
use crate::support::service::Service;

/// A running service and its sandbox, and a machine.
pub(super) struct World {
    pub(super) machine: Machine,
    pub(super) service: Service,
    pub(super) sandbox: Sandbox,
}

impl World {
    /// Starts a world in which a person has to consent.
    pub(super) async fn start() -> Self {
        let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
        let at = sandbox.endpoints();
        let service = Service::start(&[
            ("POLL_INTERVAL", "1"),
            ("PROVIDER_NAME", "sandbox"),
            ("PROVIDER_CLIENT_ID", "sandbox-client"),
            ("PROVIDER_SCOPES", "profile,offline_access"),
            (
                "PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT",
                &at.device_authorization,
            ),
            ("PROVIDER_TOKEN_ENDPOINT", &at.token),
            ("PROVIDER_USERINFO_ENDPOINT", &at.userinfo),
        ])
        .await;
        Self {
            machine: Machine::new(),
            service,
            sandbox,
        }
    }

    /// Starts a world in which Alice has linked her account, and the machine has the key.
    pub(super) async fn linked() -> Self {
        let world = Self::start().await;
        world.link_as("alice", &["link"]).await.expect(0);
        world
    }

    /// Returns the service's URL.
    pub(super) fn server(&self) -> String {
        self.service.url("")
    }

    /// Returns a client command for this service.
    pub(super) fn client(&self, arguments: &[&str]) -> Command {
        let server = self.server();
        self.machine.command_with(&[("SERVER", &server)], arguments)
    }

    /// Runs a client command to its end.
    pub(super) async fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.client(arguments)).await
    }

    /// Starts a `link` and has this person consent.
    pub(super) async fn link_as(&self, person: &str, arguments: &[&str]) -> Run {
        let linking = Linking::start(self.client(arguments)).await;
        let server = self.server();
        Browser::new().consent(&server, &linking.code, person).await;
        linking.end().await
    }

    /// Asserts that a command has printed a token of this person.
    pub(super) async fn expect_token_of(&self, person: &str, run: &Run) {
        let greeting = self.greeted(run.stdout.trim()).await;
        assert!(greeting.contains(person), "{greeting}");
    }

    /// Returns the person whom the sandbox greets for this token.
    pub(super) async fn greeted(&self, token: &str) -> String {
        greeted(&self.sandbox.endpoints().hello, token).await
    }
}

/// Returns the sandbox API's greeting to the owner of a token.
pub(super) async fn greeted(api: &str, token: &str) -> String {
    let request = http::client().get(api).bearer_auth(token);
    let answer = http::send(request).await.expect(200);
    answer.str("message").to_owned()
}
