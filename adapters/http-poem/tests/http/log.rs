//! What is logged about requests.

use std::time::Duration;

use central_oauth_domain::ports::ProviderError;

use crate::deletion::unavailable;
use crate::support::{World, written};

/// Returns the levels of the lines with this text, in order.
fn levels(words: &str) -> Vec<String> {
    let log = written();
    let lines = log.lines().filter(|line| line.contains(words));
    let levels = lines.map(|line| line.split_whitespace().nth(1).unwrap().to_owned());
    levels.collect()
}

#[tokio::test]
async fn a_request_is_one_line_without_its_secrets() {
    let world = World::new().await;
    let (code, key) = world.start_link().await;
    let path = format!("/v1/poll/{code}?secret=asked");
    let poll = world.get(&path).key(&key).header("x-request-id", "id-7");
    poll.send().await.assert(200);

    let log = written();
    for secret in [code.as_str(), key.as_str(), "asked"] {
        assert!(!log.contains(secret), "{log}");
    }
    let lines: Vec<_> = log.lines().filter(|line| line.contains("id-7")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    for part in [
        "DEBUG",
        " method=\"GET\"",
        "/v1/poll/{link_code}",
        "status=200",
    ] {
        assert!(lines[0].contains(part), "{log}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_as_a_form_is_told_with_a_configured_provider() {
    let world = World::new().await;
    for provider in ["scripted", "unknown"] {
        let path = format!("/callback/{provider}");
        world.post(&path).send().await.assert(405);
    }
    let words = "response_mode=form_post";
    assert_eq!(levels(words), ["INFO"]);
    let log = written();
    let line = log.lines().find(|line| line.contains(words)).unwrap();
    assert!(line.contains("provider=scripted"), "{log}");
}

#[tokio::test]
async fn a_failing_revocation_is_logged_at_warn_when_there_is_news() {
    let world = World::new().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    world.revoking_brings(Err(unavailable()));
    world.delete_account(&id, &key).await.assert(200);
    for _ in 0..2 {
        world.clock.advance(Duration::from_secs(300));
        assert_eq!(world.revoke_what_is_due().await, 1);
    }
    let code = "invalid_client".to_owned();
    let detail = "who are you".to_owned();
    world.revoking_brings(Err(ProviderError::misconfigured(code, detail)));
    world.clock.advance(Duration::from_secs(300));
    assert_eq!(world.revoke_what_is_due().await, 1);
    let told = levels("not revoked yet");
    assert_eq!(told, ["WARN", "DEBUG", "DEBUG", "WARN"]);
}

#[tokio::test]
async fn a_poll_that_goes_on_failing_is_told_at_warn_once() {
    let world = World::new().await;
    let (code, _) = world.start_link().await;
    *world.provider.trouble.lock().unwrap() = Some(unavailable());
    world.confirm(&code).await;
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(60));
        world.poll_what_is_due().await;
    }
    let told = levels("asking the provider failed");
    assert_eq!(told, ["WARN", "DEBUG", "DEBUG"]);
}
