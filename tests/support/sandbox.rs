//! The sandbox as a provider at which no person has to act.

use std::time::Duration;

use central_oauth_sandbox_poem::{Sandbox, SandboxOptions};

/// Options of a sandbox where the person consents at once and which may be polled every second.
pub(crate) fn consenting() -> SandboxOptions {
    SandboxOptions {
        auto_consent: Some(Duration::ZERO),
        interval: Duration::from_secs(1),
        ..SandboxOptions::default()
    }
}

/// Starts a sandbox.
pub(crate) async fn start(options: SandboxOptions) -> Sandbox {
    Sandbox::start(options).await.expect("no sandbox")
}
