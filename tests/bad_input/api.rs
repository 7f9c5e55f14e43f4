//! Invalid requests of programs: each gets a problem that says what is wrong.

use reqwest::{Method, RequestBuilder, header};
use serde_json::json;

use super::scene::Scene;
use crate::support::http::{self, Answer};

const ADMIN: &str = "admin-key-0123456789";

/// Asserts that a problem fulfils its contract: status and code, and all members of RFC 9457.
#[track_caller]
pub(super) fn expect_problem(what: &str, answer: &Answer, status: u16, code: &str) {
    let text = format!("{what}: {} {}", answer.status, answer.text);
    assert_eq!(answer.status.as_u16(), status, "{text}");
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{text}"
    );
    assert_eq!(answer.json["code"], code, "{text}");
    assert_eq!(answer.json["status"], status, "{text}");
    for member in ["type", "title", "detail"] {
        assert!(!answer.str(member).is_empty(), "{text}");
    }
    if status == 401 {
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Bearer"), "{what}: {challenge:?}");
    }
    if status == 429 {
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!(wait >= 1, "{text}");
    }
}

/// The request, and the status and code of its response.
type Case = (&'static str, RequestBuilder, u16, &'static str);

async fn try_all(cases: Vec<Case>) {
    for (what, request, status, code) in cases {
        let answer = http::send(request).await;
        expect_problem(what, &answer, status, code);
    }
}

#[tokio::test]
async fn nonsense_is_told_what_is_wrong_with_it() {
    let mut scene = Scene::new(&[("ADMIN_KEY", ADMIN)]).await;
    scene.hide(ADMIN);
    let link = scene.link().await;
    try_all(bodies(&scene)).await;
    try_all(other_types(&scene)).await;
    try_all(addresses(&scene)).await;
    try_all(keys(&scene)).await;
    try_all(parameters(&scene, &link.key)).await;
    wrong_methods(&scene).await;
    foreign_keys(&mut scene, &link.code).await;
    let log = scene.log();
    // Invalid requests are the caller's fault and are not logged as warnings.
    assert!(!log.contains(" ERROR "), "{log}");
    scene.end(&["status=422", "status=415", "status=413"]).await;
}

/// JSON, or bodies that claim to be.
const BODIES: [(&str, u16, &str); 12] = [
    ("half a body", 400, r#"{"provider":"#),
    ("no JSON", 400, "provider: default"),
    ("two bodies", 400, "{}{}"),
    ("blanks", 400, "  "),
    ("unknown field", 422, r#"{"scopes":["admin"]}"#),
    ("an array", 422, "[]"),
    ("nothing", 422, "null"),
    ("a wrong type", 422, r#"{"client_name":7}"#),
    ("an object", 422, r#"{"provider":{}}"#),
    ("control characters", 422, r#"{"client_name":"a\u0000b"}"#),
    ("a turned name", 422, r#"{"client_name":"a\u202eb"}"#),
    ("unknown provider", 422, r#"{"provider":"nobody"}"#),
];

fn bodies(scene: &Scene) -> Vec<Case> {
    let json = |body: Vec<u8>| {
        let request = scene.post("/v1/link-code").body(body);
        request.header(header::CONTENT_TYPE, "application/json")
    };
    let code = |status| match status {
        400 => "invalid_request",
        _ => "unprocessable",
    };
    let table = BODIES.map(|(what, status, body)| (what, json(body.into()), status, code(status)));
    let long_name = json!({ "client_name": "n".repeat(101) }).to_string();
    let (large, deep) = (vec![b'x'; 100_000], vec![b'['; 10_000]);
    let mut cases = Vec::from(table);
    cases.extend([
        ("too large", json(large), 413, "payload_too_large"),
        ("too deep", json(deep), 400, "invalid_request"),
        ("no UTF-8", json(b"\"\xff\"".into()), 400, "invalid_request"),
        ("a long name", json(long_name.into()), 422, "unprocessable"),
    ]);
    cases
}

/// A body of another type, or none.
fn other_types(scene: &Scene) -> Vec<Case> {
    let typed = |kind: Option<&str>| {
        let request = scene.post("/v1/link-code").body("{}");
        let request = match kind {
            Some(kind) => request.header(header::CONTENT_TYPE, kind),
            None => request,
        };
        ("a type", request, 415, "unsupported_media_type")
    };
    let form = "application/x-www-form-urlencoded";
    let others = [
        Some(form),
        Some("text/plain"),
        Some("application/problem+json"),
        None,
    ];
    others.map(typed).into()
}

fn addresses(scene: &Scene) -> Vec<Case> {
    let get = |path: &str| scene.get(path);
    vec![
        ("nothing there", get("/v1/nothing"), 404, "not_found"),
        ("the root of the API", get("/v1"), 404, "not_found"),
        ("another version", get("/v2/token"), 404, "not_found"),
        (
            "out of the tree",
            get("/v1/..%2f..%2fetc/passwd"),
            404,
            "not_found",
        ),
        ("no UTF-8", get("/v1/poll/%ff%fe"), 404, "not_found"),
        ("a NUL", get("/v1/poll/1234%005678"), 404, "not_found"),
        (
            "an unknown code",
            get("/v1/poll/00000000"),
            404,
            "not_found",
        ),
        ("too short", get("/v1/poll/1234567"), 404, "not_found"),
        ("too long", get("/v1/poll/123456789"), 404, "not_found"),
        ("letters", get("/v1/poll/abcdefgh"), 404, "not_found"),
        (
            "other digits",
            get("/v1/poll/%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5%D9%A6%D9%A7%D9%A8"),
            404,
            "not_found",
        ),
        ("SQL", get("/v1/poll/1'%20OR%20'1'='1"), 404, "not_found"),
        (
            "very long",
            get(&format!("/v1/poll/{}", "1".repeat(20_000))),
            404,
            "not_found",
        ),
    ]
}

fn keys(scene: &Scene) -> Vec<Case> {
    let unknown = format!("coak_{}", "0".repeat(40));
    let almost = &ADMIN[..ADMIN.len() - 1];
    let long = "k".repeat(30_000);
    let get = |path: &str, key: &str| scene.get(path).bearer_auth(key);
    let code = scene.post("/v1/link-code").bearer_auth(&unknown);
    let mut refused = vec![
        ("unknown for a code", code),
        ("unknown for a poll", get("/v1/poll/00000000", &unknown)),
        ("a very long key", get("/v1/token", &long)),
        ("almost the admin", get("/v1/accounts", almost)),
    ];
    let garbage: [&[u8]; 5] = [
        b"Basic YTpi",
        b"coak_0",
        b"Bearer ",
        b"Bearer \xff\xfe",
        b"Bearer a b",
    ];
    for value in garbage {
        let value = header::HeaderValue::from_bytes(value).unwrap();
        let request = scene.get("/v1/token").header(header::AUTHORIZATION, value);
        refused.push(("garbage", request));
    }
    for path in ["/v1/token", "/v1/accounts", "/v1/accounts/1"] {
        refused.push(("no key", scene.get(path)));
        refused.push(("an unknown key", get(path, &unknown)));
    }
    let cases = refused.into_iter();
    cases
        .map(|(what, request)| (what, request, 401, "unauthorized"))
        .collect()
}

const PARAMETERS: [(&str, u16); 6] = [
    ("/v1/accounts?limit=0", 400),
    ("/v1/accounts?limit=1000000", 400),
    ("/v1/accounts?cursor=%27%3B--", 400),
    ("/v1/accounts/x", 404),
    ("/v1/accounts/99", 404),
    ("/v1/accounts/99999999999999999999", 404),
];

fn parameters(scene: &Scene, key: &str) -> Vec<Case> {
    let get = |path: &str| scene.get(path).bearer_auth(key);
    let mut cases = Vec::from(PARAMETERS.map(|(path, status)| {
        let code = if status == 400 {
            "invalid_request"
        } else {
            "not_found"
        };
        (path, scene.get(path).bearer_auth(ADMIN), status, code)
    }));
    for seconds in ["soon", "-1", "1.5", "99999999999999999999"] {
        let request = get(&format!("/v1/token?min_ttl={seconds}"));
        cases.push((seconds, request, 400, "invalid_request"));
    }
    let other = get("/v1/accounts/99");
    cases.push(("another's account", other, 404, "not_found"));
    cases
}

async fn wrong_methods(scene: &Scene) {
    for (method, path, allowed) in [
        (Method::GET, "/v1/link-code", "POST"),
        (Method::DELETE, "/v1/token", "GET, HEAD"),
        (Method::PUT, "/v1/poll/12345678", "GET, HEAD"),
        (Method::PATCH, "/v1/healthz", "GET, HEAD"),
        (Method::POST, "/openapi.json", "GET, HEAD"),
        (Method::PUT, "/device", "GET, POST, HEAD"),
    ] {
        let what = format!("{method} {path}");
        let answer = http::send(scene.request(method, path)).await;
        expect_problem(&what, &answer, 405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allowed, "{what}");
    }
}

/// Somebody else's key is valid, but gives no access here.
async fn foreign_keys(scene: &mut Scene, code: &str) {
    let other = scene.begin().await;
    let poll = scene.get(&format!("/v1/poll/{code}"));
    let report = http::send(poll.bearer_auth(&other.key)).await.expect(200);
    assert_eq!(report.str("status"), "linked");
    assert!(report.json["account"].is_null(), "{}", report.text);
    for path in ["/v1/token", "/v1/accounts/1", "/v1/accounts"] {
        let answer = http::send(scene.get(path).bearer_auth(&other.key)).await;
        expect_problem(path, &answer, 409, "link_pending");
    }
    let relink = scene.post("/v1/link-code").bearer_auth(&other.key);
    expect_problem("relink", &http::send(relink).await, 409, "link_pending");
}

/// Several providers and none named: the response lists the names.
#[tokio::test]
async fn an_unknown_provider_is_told_the_names() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("providers.toml");
    std::fs::write(&file, TWO_PROVIDERS).unwrap();
    let scene = Scene::new(&[("PROVIDERS", file.to_str().unwrap())]).await;
    for body in [json!({}), json!({ "provider": "third" })] {
        let request = scene.post("/v1/link-code").json(&body);
        let answer = http::send(request).await;
        expect_problem(&body.to_string(), &answer, 422, "unprocessable");
        for name in ["first", "second", "default"] {
            assert!(answer.str("detail").contains(name), "{}", answer.text);
        }
    }
    let named = scene
        .post("/v1/link-code")
        .json(&json!({ "provider": "second" }));
    assert_eq!(
        http::send(named).await.expect(201).str("provider"),
        "second"
    );
    let listed = http::send(scene.get("/v1/providers")).await.expect(200);
    assert_eq!(listed.json["items"].as_array().map(Vec::len), Some(3));
    for secret in ["client-of-first", "secret-of-first"] {
        assert!(!listed.text.contains(secret), "{}", listed.text);
    }
}

const TWO_PROVIDERS: &str = r#"
[first]
client_id = "client-of-first"
client_secret = "secret-of-first"
device_authorization_endpoint = "http://127.0.0.1:9/device"
token_endpoint = "http://127.0.0.1:9/token"

[second]
display_name = "The Second"
client_id = "client-of-second"
device_authorization_endpoint = "http://127.0.0.1:9/device"
token_endpoint = "http://127.0.0.1:9/token"
"#;
