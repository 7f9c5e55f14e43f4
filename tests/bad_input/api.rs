//! Invalid requests of programs: each gets a problem that says what is wrong.

use reqwest::{RequestBuilder, header};
use serde_json::json;

use super::scene::Scene;
use crate::support::http::{self, Answer};

const ADMIN: &str = "admin-key-0123456789";

/// Asserts that a response is a problem (RFC 9457) with this status and code, and with all fields and headers that the
/// API promises.
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
    scene.link().await;
    try_all(bodies(&scene)).await;
    try_all(other_types(&scene)).await;
    try_all(addresses(&scene)).await;
    try_all(keys(&scene)).await;
    let log = scene.log();
    // Invalid requests are the caller's fault and are not logged as warnings.
    assert!(!log.contains(" ERROR "), "{log}");
    scene.end(&["status=422", "status=415", "status=413"]).await;
}

/// Bodies that are sent as JSON, with the status of the response.
const BODIES: [(&str, u16, &str); 11] = [
    ("half a body", 400, r#"{"provider":"#),
    ("no JSON", 400, "provider: default"),
    ("two bodies", 400, "{}{}"),
    ("blanks", 400, "  "),
    ("unknown field", 422, r#"{"scopes":["admin"]}"#),
    ("an array", 422, "[]"),
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

/// Requests with another content type, or without one.
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
    let long = format!("/v1/poll/{}", "1".repeat(20_000));
    let nowhere = [
        ("nothing there", "/v1/nothing"),
        ("the root of the API", "/v1"),
        ("another version", "/v2/token"),
        ("out of the tree", "/v1/..%2f..%2fetc/passwd"),
        ("no UTF-8", "/v1/poll/%ff%fe"),
        ("a NUL", "/v1/poll/1234%005678"),
        ("an unknown code", "/v1/poll/00000000"),
        ("letters", "/v1/poll/abcdefgh"),
        (
            "other digits",
            "/v1/poll/%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5%D9%A6%D9%A7%D9%A8",
        ),
        ("SQL", "/v1/poll/1'%20OR%20'1'='1"),
        ("very long", &long),
    ];
    nowhere
        .map(|(what, path)| (what, scene.get(path), 404, "not_found"))
        .into()
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
