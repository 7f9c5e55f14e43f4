//! What the log learns about requests.

use crate::support::{World, written};

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
    for part in ["DEBUG", "method=GET", "/v1/poll/{link_code}", "status=200"] {
        assert!(lines[0].contains(part), "{log}");
    }
}
