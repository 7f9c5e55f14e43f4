//! Responses with a malformed body. The adapter still extracts the tokens, because a provider sends a rotated refresh
//! token only once.

use central_oauth_domain::ports::{RefreshAnswer, Revoked};
use poem::Response;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use url::form_urlencoded::Serializer;

use crate::support::{Stub, Subject, WithHeader, error_of, kind, raw, reply, step};

const JSON: &str = "application/json";
const MEMBERS: &str = r#""access_token":"at-2","refresh_token":"rt-2","token_type":"Bearer""#;

fn with(member: &str) -> Vec<u8> {
    format!("{{{MEMBERS},{member}}}").into_bytes()
}

fn around(before: &str, after: &str) -> Vec<u8> {
    format!("{before}{{{MEMBERS}}}{after}").into_bytes()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// Returns malformed bodies, each with an access token and a refresh token.
fn rotations() -> Vec<(&'static str, Vec<u8>)> {
    let form = "access_token=at-2&refresh_token=rt-2&token_type=Bearer";
    let mut latin1 = b"{\"user\":\"Jos\xe9\",".to_vec();
    latin1.extend(&around("", "")[1..]);
    let notice = "<br />\n<b>Deprecated</b>: {closure} in y.php on line 3<br />\n";
    let deep = format!(r#""x":{}{}"#, "[".repeat(10_000), "]".repeat(10_000));
    let text = String::from_utf8(around("", "")).unwrap();
    vec![
        ("text/plain", form.into()),
        ("", form.into()),
        ("text/html", form.into()),
        (JSON, form.into()),
        (JSON, latin1),
        (JSON, with("\"motd\":\"a\nb\u{1}\"")),
        (JSON, with(r#""motd":"\ud83d""#)),
        (JSON, with(r#""motd":"it\'s""#)),
        (JSON, with(r#""score":NaN"#)),
        (JSON, with(r#""score":1e400,"next":-Infinity,"#)),
        (JSON, with(&deep)),
        (JSON, with(r#""motd":"say "hello"""#)),
        (JSON, with(r#""motd":"it ends he"#)),
        (JSON, around("", "\n<!-- 3 ms -->")),
        (JSON, around("", "\0")),
        (JSON, around("", "{}")),
        (JSON, around(notice, "")),
        (JSON, around("Notice: {\"foo\" in y.php on line 3\n", "")),
        (
            JSON,
            around("{\"level\":\"warn\",\"ctx\":{\"user\":1}}\n", ""),
        ),
        (
            JSON,
            around("{\"level\":\"error\",\"error\":\"slow\"}\n", ""),
        ),
        (JSON, around("{\"access_token\":\"of another line\"}\n", "")),
        (JSON, serde_json::to_vec(&text).unwrap()),
        (JSON, around("<!-- {cached} -->", "")),
        ("text/html", around("Warning: x\n", "")),
        (JSON, around("[", "]")),
        (JSON, utf16(&text)),
        (JSON, utf16(&format!("\u{feff}{text}"))),
    ]
}

fn labelled(content_type: &str, body: Vec<u8>) -> Response {
    let mut answer = Response::builder().body(body);
    if !content_type.is_empty() {
        let value = content_type.parse().unwrap();
        answer.headers_mut().insert("content-type", value);
    }
    answer
}

async fn refreshed(stub: &Stub) -> Result<(String, String), String> {
    match Subject::plain(&stub.base).refresh_answer().await {
        Ok(RefreshAnswer::Granted(grant)) => {
            let refresh_token = grant.refresh_token.unwrap();
            Ok((
                grant.access_token.expose().to_owned(),
                refresh_token.expose().to_owned(),
            ))
        }
        Ok(RefreshAnswer::Unusable { why, .. }) => Err(why.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn rotated() -> Result<(String, String), String> {
    Ok(("at-2".to_owned(), "rt-2".to_owned()))
}

#[tokio::test]
async fn a_rotated_refresh_token_is_kept() {
    for (content_type, body) in rotations() {
        let sent = body.clone();
        let stub = Stub::start(move |_, _| labelled(content_type, sent.clone())).await;
        let words = String::from_utf8_lossy(&body[..body.len().min(150)]);
        assert_eq!(refreshed(&stub).await, rotated(), "{content_type} {words}");
        let outcome = Subject::plain(&stub.base).redeem().await;
        assert_eq!(step(&outcome), "granted", "{content_type} {words}");
    }
}

// PHP and Java servers write the charset into `Content-Encoding`, and object stores write `aws-chunked`.
#[tokio::test]
async fn a_label_that_does_not_fit_is_ignored() {
    for label in [
        "UTF-8",
        "none",
        "aws-chunked",
        "br",
        "zstd",
        "deflate",
        "gzip, br",
    ] {
        let stub = Stub::start(move |_, _| {
            labelled(JSON, around("", "")).with_header_value("content-encoding", label)
        })
        .await;
        assert_eq!(refreshed(&stub).await, rotated(), "{label}");
    }
}

#[tokio::test]
async fn odd_headers_do_no_harm() {
    let many = (0..150)
        .map(|i| format!("x-{i}: a\r\n"))
        .collect::<String>();
    for header in [
        many.as_str(),
        "x y: a\r\n",
        "x-a : b\r\n",
        "x-a: b\r\n c\r\n",
        "x-a: \u{1}\r\n",
    ] {
        let body = String::from_utf8(around("", "")).unwrap();
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\n{header}content-length: {length}\r\n\r\n{body}");
        let base = raw(move |mut socket| {
            let answer = answer.clone();
            async move {
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        })
        .await;
        let grant = Subject::plain(&base)
            .refresh()
            .await
            .map_err(|error| error.to_string());
        let token = grant.map(|grant| grant.refresh_token.unwrap().expose().to_owned());
        assert_eq!(token.as_deref(), Ok("rt-2"), "{header}");
    }
}

// No tokens are extracted from failed responses, or from HTML pages, which may quote any text. A malformed body without a
// complete refresh token is not used, because another refresh can return a new access token.
#[tokio::test]
async fn what_is_no_token_response() {
    for (status, body) in [
        (200, around("<!doctype html><html><script>x=", "</script>")),
        (200, around("<html><body>", "")),
        (200, around("<!-- {built} --><!DOCTYPE html>", "")),
        (200, around("<title>Log in</title><style>a{}</style>", "")),
        (200, around("<br>\n<HTML lang=en>", "")),
        (404, around("", "\0 x")),
        (503, around("Warning: x\n", "")),
        (302, around("Warning: x\n", "")),
        (200, br#"{"access_token":"at-2","expires_in":"#.to_vec()),
        (
            200,
            br#"{"access_token":"at-2","refresh_token":"rt"#.to_vec(),
        ),
        (
            200,
            br#"Notice: {"error":"invalid_grant","access_token":"a"}"#.to_vec(),
        ),
    ] {
        let words = String::from_utf8_lossy(&body).into_owned();
        let stub = Stub::start(move |_, _| reply(status, JSON, body.clone())).await;
        let outcome = refreshed(&stub).await;
        assert!(outcome.is_err(), "{status} {words}");
    }
}

// A malformed body must not identify a person or start a device flow.
#[tokio::test]
async fn only_tokens_and_errors_are_read_from_a_broken_body() {
    let id = b"{\"sub\":\"Jos\xe9\"}";
    let stub = Stub::start(|_, _| reply(200, JSON, id.to_vec())).await;
    let subject = Subject::plain(&stub.base);
    assert_eq!(
        kind(&error_of(subject.identify(None).await)),
        ("nonsense", "")
    );
    let device =
        r#"{"device_code":"d","user_code":"u","verification_uri":"https://example.com"} x"#;
    let stub = Stub::saying(200, JSON, device).await;
    let error = error_of(Subject::plain(&stub.base).begin().await);
    assert_eq!(kind(&error), ("nonsense", ""));
    assert!(error.to_string().contains("breaks its format"), "{error}");
}

#[tokio::test]
async fn bombs_stay_harmless() {
    for body in [
        r#"{"a":"#.repeat(300_000),
        format!("{{\"a\":{}", "[".repeat(2_000_000)),
        "{".repeat(2_000_000),
        "\\".repeat(2_000_000),
        format!("{{\"a\":\"{}", "\\ud83d".repeat(300_000)),
        format!("{{\"a\":\"{}\",}}", "\\q".repeat(1_000_000)),
        "{\"a\":1}".repeat(250_000),
        format!("[{}", "{\"a\":1},".repeat(200_000)),
        "<!-- {".repeat(300_000),
        "<!-- { -->".repeat(200_000),
        format!("{{\"a\":{} ]", "1 ".repeat(900_000)),
        " {\"error".repeat(200_000),
    ] {
        let started = std::time::Instant::now();
        let stub = Stub::saying(200, JSON, &body).await;
        assert_eq!(step(&Subject::plain(&stub.base).redeem().await), "nonsense");
        // Parsing takes seconds on a busy machine. A quadratic parser would need hours.
        assert!(started.elapsed().as_secs() < 60, "{}", &body[..10]);
    }
}

// The error code is found in malformed bodies too, for example if a German or French description is in Latin-1. The
// grant is dead, so a retry would not help.
#[tokio::test]
async fn a_dead_token_in_an_odd_body() {
    let form = Serializer::new(String::new())
        .append_pair("error", "invalid_grant")
        .finish();
    for (label, content_type, body) in [
        (
            "",
            JSON,
            b"{\"error\":\"invalid_grant\",\"error_description\":\"ung\xfcltig\"}".to_vec(),
        ),
        (
            "",
            JSON,
            b"{\"error\":\"invalid_grant\",\"error_description\":\"expired\nor so\"}".to_vec(),
        ),
        (
            "",
            JSON,
            b"{\"error\":\"invalid_grant\",\"error_description\":\"the \"token\"\"}".to_vec(),
        ),
        (
            "",
            JSON,
            b"<!-- cached -->{\"error\":\"invalid_grant\"}".to_vec(),
        ),
        (
            "",
            JSON,
            b"[{\"code\":\"invalid_grant\",\"message\":\"ung\xfcltig\"}]".to_vec(),
        ),
        ("UTF-8", JSON, b"{\"error\":\"invalid_grant\"}".to_vec()),
        ("", "text/plain", form.into_bytes()),
    ] {
        let words = String::from_utf8_lossy(&body).into_owned();
        let stub = Stub::start(move |_, _| {
            reply(400, content_type, body.clone()).with_header_value("content-encoding", label)
        })
        .await;
        let error = Subject::plain(&stub.base).refresh().await.err().unwrap();
        assert_eq!(kind(&error.cause), ("refused", "invalid_grant"), "{words}");
    }
    let page = "<html><p>{\"error\":\"invalid_grant\"}";
    let stub = Stub::saying(400, "text/html", page).await;
    let error = Subject::plain(&stub.base).refresh().await.err().unwrap();
    assert_eq!(kind(&error.cause), ("refused", "http_page_400"));
}

#[tokio::test]
async fn an_error_is_no_revocation() {
    for (body, expected) in [
        (
            b"{\"error\":\"server_error\",\"error_description\":\"nicht verf\xfcgbar\"}".to_vec(),
            "unavailable",
        ),
        (
            b"Notice: x\n{\"error\":\"access_denied\"}".to_vec(),
            "refused",
        ),
        (json!({"ok": false}).to_string().into_bytes(), "nonsense"),
        (
            json!({"success": false}).to_string().into_bytes(),
            "nonsense",
        ),
        (
            json!({"revoked": "false"}).to_string().into_bytes(),
            "nonsense",
        ),
        (b"<html><title>Log in</title>".to_vec(), "nonsense"),
    ] {
        let words = String::from_utf8_lossy(&body).into_owned();
        let stub = Stub::start(move |_, _| reply(200, JSON, body.clone())).await;
        let error = error_of(Subject::plain(&stub.base).revoke().await);
        assert_eq!(kind(&error).0, expected, "{words}");
    }
    for body in ["OK", "Token revoked.", r#"{"ok":true}"#, "{\"revo"] {
        let stub = Stub::saying(200, "text/plain", body).await;
        assert_eq!(
            Subject::plain(&stub.base).revoke().await,
            Ok(Revoked::Revoked),
            "{body}"
        );
    }
}
