//! Guessed codes and fast polls: they are limited, and nobody else is affected.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde_json::json;
use tokio::time::sleep;

use super::api::expect_problem;
use super::person::Person;
use super::scene::{CLIENT_NAME, Scene};
use crate::support::http::{self, Answer};

/// Number of wrong codes that are permitted from one address, and from all addresses together.
const PER_ADDRESS: usize = 20;
const SERVICE_WIDE: usize = 100;

#[tokio::test]
async fn a_guesser_is_stopped_and_the_right_client_is_not() {
    let mut scene = Scene::new(&[]).await;
    let link = scene.begin().await;
    for number in 0..PER_ADDRESS {
        // A forged address does not count as another guesser.
        let guess = claim(guess(&scene, number), number);
        expect_problem("guess", &http::send(guess).await, 404, "not_found");
    }
    let guess = claim(guess(&scene, 99), 99);
    let stopped = http::send(guess).await;
    expect_problem("one too many", &stopped, 429, "rate_limited");
    // Even the right code is rejected now, if the caller at this address does not have its key.
    let right = scene.get(&format!("/v1/poll/{}", link.code));
    expect_problem("right", &http::send(right).await, 429, "rate_limited");
    let page = link.person.press("look_up", "00000000").await.expect(429);
    assert!(page.text.contains("Too many wrong codes"), "{}", page.text);
    assert!(!page.header("retry-after").is_empty());
    for _ in 0..3 {
        scene.expect_status(&link, "pending").await;
    }
    scene
        .end(&["status=429", "too many wrong link codes"])
        .await;
}

/// A guesser with many addresses, behind a proxy that tells them apart.
#[tokio::test]
async fn many_addresses_do_not_make_more_guesses() {
    let mut scene = Scene::new(&[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let link = scene.begin().await;
    let person = Person::arrive(&scene.service).await;
    person.press("confirm", &link.code).await.expect(303);
    for number in 0..SERVICE_WIDE {
        let guess = claim(guess(&scene, number), number / PER_ADDRESS);
        expect_problem("guess", &http::send(guess).await, 404, "not_found");
    }
    for network in 0..SERVICE_WIDE / PER_ADDRESS {
        let again = claim(guess(&scene, 0), network);
        expect_problem("again", &http::send(again).await, 429, "rate_limited");
    }
    // Although the service-wide limit is reached, a network without wrong codes may still try one. New codes are
    // longer.
    let fresh = claim(scene.get(&format!("/v1/poll/{}", link.code)), 200);
    http::send(fresh).await.expect(200);
    let fresh = claim(guess(&scene, 0), 200);
    expect_problem("fresh", &http::send(fresh).await, 404, "not_found");
    let fresh = claim(guess(&scene, 0), 200);
    expect_problem("fresh", &http::send(fresh).await, 429, "rate_limited");
    assert_eq!(scene.begin().await.code.len(), 9);
    // The client continues to poll, and the person whose browser has confirmed the code continues.
    scene.provider.consent(true);
    let page = person.look(&link.code).await.expect(200);
    assert!(page.text.contains("Continue at"), "{}", page.text);
    scene.wait_for(&link, "linked").await;
    scene.hide(person.cookie_value());
    scene
        .end(&["too many wrong link codes", "account linked"])
        .await;
}

/// Unknown keys are limited on every route that takes a key. A valid key works even if its network has reached the
/// limit.
#[tokio::test]
async fn unknown_keys_are_limited() {
    let mut scene = Scene::new(&[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let link = scene.begin().await;
    for (network, path) in ["/v1/token", "/v1/accounts"].into_iter().enumerate() {
        let show = |key: &str| claim(scene.get(path).bearer_auth(key), network);
        let first = http::send(show("coak_unknown-0")).await;
        expect_problem(path, &first, 401, "unauthorized");
        let mut last = first;
        for number in 1..40 {
            last = http::send(show(&format!("coak_unknown-{number}"))).await;
        }
        expect_problem(path, &last, 429, "rate_limited");
        let good = http::send(show(&link.key)).await;
        assert_ne!(good.status, 429);
        assert_ne!(good.status, 401);
    }
    scene.end(&["status=429"]).await;
}

/// The service checks the network that the proxy reports, whatever the program claims.
#[tokio::test]
async fn link_codes_are_for_the_networks_of_the_operator() {
    let networks = ("ENROLL_NETWORKS", "10.0.0.0/8, 2001:db8::/32");
    let mut scene = Scene::new(&[("TRUSTED_PROXIES", "127.0.0.0/8"), networks]).await;
    let ask = |claimed: &str| {
        let ask = scene.post("/v1/link-code");
        let ask = ask.json(&json!({"client_name": CLIENT_NAME}));
        ask.header("x-forwarded-for", claimed)
    };
    let mut keys = Vec::new();
    for inside in ["10.1.2.3", "2001:db8:1::7", "192.0.2.7, 10.1.2.3"] {
        let code = http::send(ask(inside)).await.expect(201);
        keys.push(code.str("access_key").to_owned());
    }
    for (claimed, address) in [
        ("192.0.2.7", "192.0.2.7"),
        ("10.1.2.3, 192.0.2.7", "192.0.2.7"),
        ("2001:db9::7", "2001:db9::7"),
        ("", "127.0.0.1"),
        ("nonsense", "127.0.0.1"),
    ] {
        let refused = http::send(ask(claimed)).await;
        expect_problem(claimed, &refused, 403, "forbidden");
        let said = format!(
            "this service gives link codes only to certain networks, and this request comes from {address}"
        );
        assert_eq!(refused.str("detail"), said);
    }
    keys.iter().for_each(|key| scene.hide(key));
    scene.end(&["status=403", "no link code"]).await;
}

fn guess(scene: &Scene, number: usize) -> RequestBuilder {
    scene.get(&format!("/v1/poll/{number:08}"))
}

fn claim(request: RequestBuilder, host: usize) -> RequestBuilder {
    request.header("x-forwarded-for", format!("192.0.2.{host}"))
}

/// The poll interval in seconds. It is longer than a few requests take, even on a very slow machine.
const INTERVAL: u64 = 10;

/// Each client may poll three times at once, then once per interval.
#[tokio::test]
async fn fast_pollers_have_to_wait() {
    let interval = INTERVAL.to_string();
    let mut scene = Scene::new(&[("POLL_INTERVAL", interval.as_str())]).await;
    let link = scene.begin().await;
    let path = format!("/v1/poll/{}", link.code);
    let own = async || http::send(scene.get(&path).bearer_auth(&link.key)).await;
    let started = Instant::now();
    for _ in 0..3 {
        assert_eq!(own().await.expect(200).number("interval"), INTERVAL);
    }
    let hurried = own().await;
    // If the polls took longer than the interval, no limit was reached.
    assert!(
        started.elapsed() < Duration::from_secs(INTERVAL),
        "too slow to tell"
    );
    expect_problem("hurried", &hurried, 429, "rate_limited");
    // A caller who knows only the code has a limit of its own, however it writes the code.
    for written in [&path, &path.replace(&link.code, &spaced(&link.code)), &path] {
        http::send(scene.get(written)).await.expect(200);
    }
    let stranger = http::send(scene.get(&path)).await;
    expect_problem("stranger", &stranger, 429, "rate_limited");
    sleep(wait(&hurried)).await;
    own().await.expect(200);
    scene.end(&["status=429"]).await;
}

fn spaced(code: &str) -> String {
    format!("{}%20{}", &code[..4], &code[4..])
}

fn wait(answer: &Answer) -> Duration {
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=INTERVAL).contains(&wait), "{wait}");
    Duration::from_secs(wait)
}

/// A code that nobody enters expires.
#[tokio::test]
async fn an_old_code_is_told_so() {
    let mut scene = Scene::new(&[("LINK_CODE_TTL", "10")]).await;
    let link = scene.begin().await;
    scene.expect_status(&link, "pending").await;
    let ended = scene.wait_for(&link, "expired").await;
    assert_eq!(ended.number("expires_in"), 0);
    for action in ["look_up", "confirm"] {
        let page = link.person.press(action, &link.code).await.expect(410);
        assert!(page.text.contains("It has expired"), "{}", page.text);
    }
    let request = scene.get("/v1/token").bearer_auth(&link.key);
    expect_problem("its key", &http::send(request).await, 401, "unauthorized");
    scene.end(&["status=410"]).await;
}
