//! Random bodies and forms get a documented response, and never a 5xx status. `PROPTEST_CASES` sets the number of
//! cases.

use std::time::Duration;

use poem::http::Method;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use tokio::runtime::Runtime;

use crate::support::{ADMIN, Answer, World};

const JSON: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "null",
    "true",
    "1e999",
    "-1",
    "\"provider\":",
    "\"scripted\"",
    "\"client_name\":",
    "\"cron\"",
    "\"labels\":{",
    "\"team\":\"a\"",
    "\"role\":\"reader\"",
    "\"role\":\"admin\"",
    "\"return_code\":true",
    "\"key_expires_at\":",
    "\"2999-01-01T00:00:00Z\"",
    "\"0000-00-00T99:99:99Z\"",
    "\"name\":",
    "\"networks\":[\"10.0.0.0/8\"]",
    "\"networks\":[\"::/129\"]",
    "\"max_uses_per_minute\":",
    "0",
    "4294967296",
    "\u{202e}",
    "\u{200b}",
    "\\u0000",
    "\\ud800",
    "é",
    " ",
    "\"expires_at\":",
    "\"x\"",
    "\0",
    "\"\"",
];
const FORM: [&str; 24] = [
    "grant_type=",
    "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange",
    "subject_token=",
    "subject_token_type=",
    "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token",
    "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt",
    "audience=",
    "scope=",
    "requested_token_type=",
    "actor_token=",
    "resource=",
    "&",
    "=",
    "%",
    "%00",
    "%ff",
    "+",
    "coak_0",
    "eyJ0.eyJ9.s",
    "99999999999999999999",
    "\u{feff}",
    ";",
    "client_id=a",
    "%E2%80%AE",
];

fn text(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    vec(select(pieces), 0..14).prop_map(|pieces| pieces.concat())
}

/// Returns a mix of random text and objects. Most members of the objects are well-formed.
fn object() -> impl Strategy<Value = String> {
    let members =
        vec(select(&JSON[12..40]), 0..6).prop_map(|members| format!("{{{}}}", members.join(",")));
    prop_oneof![text(&JSON), members]
}

fn is_no_failure(answer: &Answer) -> Result<(), TestCaseError> {
    prop_assert!(answer.status < 500, "{}: {}", answer.status, answer.text);
    Ok(())
}

/// Checks a property on one service. The clock advances between the requests, so that rate limits do not reject all of
/// them.
fn check<V: std::fmt::Debug>(
    strategy: &impl Strategy<Value = V>,
    property: &impl AsyncFn(&World, &str, V) -> Answer,
) {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let key = runtime.block_on(async { world.link(1).await });
    let checked = TestRunner::default().run(strategy, |input| {
        world.clock.advance(Duration::from_secs(3));
        let answer = runtime.block_on(property(&world, &key, input));
        is_no_failure(&answer)
    });
    checked.unwrap();
}

#[test]
fn no_body_makes_the_service_fail() {
    let routes = select(
        &[
            "/v1/link-code",
            "/v1/link/12345678/confirm",
            "/v1/accounts/1/keys",
            "/v1/accounts/1/workloads",
        ][..],
    );
    let types = select(
        &[
            "application/json",
            "application/json; charset=utf-16",
            "text/plain",
            "",
        ][..],
    );
    let input = (
        routes,
        prop_oneof![4 => Just("application/json"), 1 => types],
        object(),
    );
    check(&input, &async |world, key, (route, media_type, body)| {
        let bearer = if route.ends_with("keys") || route.ends_with("workloads") {
            ADMIN
        } else {
            key
        };
        let call = world.call(Method::POST, route).key(bearer);
        call.body(media_type, &body).send().await
    });
}

#[test]
fn no_form_makes_the_service_fail() {
    check(&text(&FORM), &async |world, _, form| {
        let call = world.call(Method::POST, "/oauth/token");
        call.body("application/x-www-form-urlencoded", &form)
            .send()
            .await
    });
}

#[test]
fn no_query_makes_the_service_fail() {
    let routes = select(&["/v1/accounts", "/v1/audit", "/v1/token", "/v1/revocations"][..]);
    let queries = vec(
        select(
            &[
                "limit=", "cursor=", "label=", "team:a", "after=", "min_ttl=", "status=", "&",
                "%00", "%ff", "-1", "0", "201", "%", "é",
            ][..],
        ),
        0..8,
    );
    check(&(routes, queries), &async |world, key, (route, query)| {
        let bearer = if route == "/v1/token" { key } else { ADMIN };
        let query: String = query.concat().replace('é', "%C3%A9");
        world
            .get(&format!("{route}?{query}"))
            .key(bearer)
            .send()
            .await
    });
}
