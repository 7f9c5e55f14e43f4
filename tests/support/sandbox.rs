//! The sandbox as a provider at which no person has to act.

use std::time::Duration;

use central_oauth_test_sandbox::{
    AutoPerson, Presentation, RefreshOutcome, Sandbox, SandboxOptions,
};

/// Options of a sandbox where the person consents at once. It allows one poll per second.
pub(crate) fn consenting() -> SandboxOptions {
    SandboxOptions {
        auto_consent: Some(Duration::ZERO),
        interval: Duration::from_secs(1),
        ..SandboxOptions::default()
    }
}

pub(crate) async fn start(options: SandboxOptions) -> Sandbox {
    Sandbox::start(options).await.expect("no sandbox")
}

/// Starts a sandbox whose Alice consents at once, with this lifetime of access tokens.
pub(crate) async fn of_alice(access_token_ttl: Duration) -> Sandbox {
    start(SandboxOptions {
        access_token_ttl,
        ..consenting()
    })
    .await
}

/// Starts a sandbox where another person consents each time, with this lifetime of access tokens.
pub(crate) async fn of_many(access_token_ttl: Duration) -> Sandbox {
    start(SandboxOptions {
        access_token_ttl,
        auto_person: AutoPerson::SomebodyNew,
        ..consenting()
    })
    .await
}

/// Returns the number of refresh tokens that were used. All were valid: one used twice would have ended the family.
pub(crate) fn presented(sandbox: &Sandbox) -> usize {
    let ledger = sandbox.ledger();
    let all = ledger.presentations();
    let is_good = |one: &Presentation| one.outcome == RefreshOutcome::Rotated;
    assert!(all.iter().all(is_good), "{all:?}");
    all.len()
}
