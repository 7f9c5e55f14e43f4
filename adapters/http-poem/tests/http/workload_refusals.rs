//! Forbidden claims of a signed token, and the response to each.

use central_oauth_domain::ports::Clock as _;
use central_oauth_domain::workload::{ClaimValue, Permission};
use poem::http::Method;

use crate::oauth::EXCHANGE;
use crate::support::World;
use crate::workloads::{Change, JWT, nightly, text, trusting};

fn at(world: &World, seconds: i64) -> Option<ClaimValue> {
    Some(ClaimValue::Number(
        world.clock.now().as_millis() / 1000 + seconds,
    ))
}

fn list(values: &[&str]) -> Option<ClaimValue> {
    Some(ClaimValue::Texts(
        values.iter().map(|it| (*it).to_owned()).collect(),
    ))
}

#[tokio::test]
async fn each_broken_rule_has_its_answer_on_every_route() {
    let world = trusting().await;
    let ours = "https://auth.example";
    let cases: Vec<(Vec<Change<'_>>, &str)> = vec![
        (vec![("exp", at(&world, 0))], "expired"),
        (vec![("exp", at(&world, -1))], "expired"),
        (
            vec![("exp", at(&world, -86_400)), ("iat", at(&world, -90_000))],
            "expired",
        ),
        (vec![("exp", None)], "missing_claim"),
        (vec![("exp", text("tomorrow"))], "missing_claim"),
        (vec![("iat", None)], "missing_claim"),
        (vec![("iat", at(&world, 61))], "not_yet_valid"),
        (vec![("nbf", at(&world, 61))], "not_yet_valid"),
        (vec![("nbf", text("now"))], "missing_claim"),
        (
            vec![("iat", at(&world, 0)), ("exp", at(&world, 3601))],
            "lifetime",
        ),
        (
            vec![("exp", Some(ClaimValue::Number(i64::MAX)))],
            "lifetime",
        ),
        (vec![("aud", None)], "missing_claim"),
        (vec![("aud", list(&[]))], "missing_claim"),
        (vec![("aud", Some(ClaimValue::Number(7)))], "missing_claim"),
        (
            vec![("aud", list(&[ours, "https://other.example"]))],
            "several_audiences",
        ),
        (vec![("aud", list(&[ours, ours]))], "several_audiences"),
        (vec![("aud", text("https://github.com/octo"))], "audience"),
        (vec![("aud", text("https://auth.example/"))], "audience"),
        (vec![("aud", text("https://auth.example.evil"))], "audience"),
        (vec![("aud", text("HTTPS://auth.example"))], "audience"),
        (vec![("repository_id", None)], "immutable_claim"),
        (vec![("repository_id", text(""))], "immutable_claim"),
        (vec![("repository_owner_id", None)], "immutable_claim"),
        (
            vec![("repository_id", Some(ClaimValue::Other))],
            "immutable_claim",
        ),
        (vec![("repository_id", list(&["74"]))], "immutable_claim"),
        (vec![("repository_id", text("74\n75"))], "immutable_claim"),
        (vec![("repository_owner_id", text("66"))], "policy"),
        (vec![("ref", text("refs/heads/other"))], "policy"),
        (vec![("ref", text("refs/heads/main2"))], "policy"),
        (vec![("ref", text("refs/heads/Main"))], "policy"),
        (vec![("ref", None)], "policy"),
        (vec![("ref", list(&["refs/heads/main"]))], "policy"),
        (vec![("event_name", text("pull_request"))], "pull_request"),
        (
            vec![("event_name", text("pull_request_target"))],
            "pull_request",
        ),
        (
            vec![("event_name", text("pull_request_review_comment"))],
            "pull_request",
        ),
        (vec![("event_name", text("workflow_run"))], "pull_request"),
    ];
    for (changes, rule) in cases {
        // A new world for each case, because the number of 401 responses per network is limited.
        let world = trusting().await;
        let fresh = || world.job(&changes);
        let answers = [
            world
                .call(Method::POST, "/v1/link-code")
                .key(&fresh())
                .send()
                .await,
            world.get("/v1/token").key(&fresh()).send().await,
            world.get("/v1/poll/12345678").key(&fresh()).send().await,
            world.get("/v1/accounts/1").key(&fresh()).send().await,
        ];
        for answer in answers {
            let detail = answer.assert_problem(401, "workload_refused");
            assert!(
                detail.starts_with(&format!("{rule}: ")),
                "{changes:?}: {detail}"
            );
        }
        let fields = [
            ("grant_type", EXCHANGE),
            ("subject_token", &*fresh()),
            ("subject_token_type", JWT),
        ];
        let exchanged = world.post_form(&fields).await;
        let description = exchanged.assert_oauth(400, "invalid_request");
        assert!(
            description.starts_with(&format!("{rule}: ")),
            "{description}"
        );
    }
}

#[tokio::test]
async fn a_forged_token_is_refused_and_never_logged() {
    let world = trusting().await;
    let forged = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.Zm9yZ2Vk";
    let answer = world.get("/v1/token").key(forged).send().await;
    assert!(
        answer
            .assert_problem(401, "workload_refused")
            .starts_with("signature: ")
    );
    assert!(!answer.text.contains("Zm9yZ2Vk"));
}

#[tokio::test]
async fn a_flood_of_forged_tokens_is_limited_and_valid_ones_work() {
    let world = trusting().await;
    let forged = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.Zm9yZ2Vk";
    let mut limited = 0;
    for _ in 0..100 {
        let answer = world.get("/v1/token").key(forged).send().await;
        if answer.status == 429 {
            answer.assert_problem(429, "rate_limited");
            assert_eq!(answer.header("retry-after"), Some("2"));
            limited += 1;
        } else {
            answer.assert_problem(401, "workload_refused");
        }
    }
    assert_eq!(limited, 70);
    let fields = [
        ("grant_type", EXCHANGE),
        ("subject_token", forged),
        ("subject_token_type", JWT),
    ];
    let exchanged = world.post_form(&fields).await;
    exchanged.assert_oauth(429, "temporarily_unavailable");
    let call = world.call(Method::POST, "/v1/link-code");
    call.key(&world.job(&[])).send().await.assert(201);
}

#[tokio::test]
async fn a_policy_allows_what_it_says_and_nothing_more() {
    let reading = World::with(|options| {
        let mut policy = nightly();
        policy.may = vec![Permission::Token];
        options.policies = vec![policy];
    });
    let reading = reading.await;
    let call = reading
        .call(Method::POST, "/v1/link-code")
        .key(&reading.job(&[]));
    let refused = call.send().await;
    assert!(
        refused
            .assert_problem(401, "workload_refused")
            .starts_with("policy: ")
    );

    let of_pull_requests = World::with(|options| {
        let mut policy = nightly();
        policy.allows_pull_requests = true;
        options.policies = vec![policy];
    });
    let world = of_pull_requests.await;
    let job = world.job(&[("event_name", text("pull_request"))]);
    world
        .call(Method::POST, "/v1/link-code")
        .key(&job)
        .send()
        .await
        .assert(201);
}
