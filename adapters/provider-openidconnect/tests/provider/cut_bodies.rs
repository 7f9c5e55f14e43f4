//! Truncated responses. The provider has already rotated the refresh token, so the adapter uses the received part if it
//! contains the tokens.
//!
//! Sources: almide/almide pull request 1626 (no `close_notify`), tokio-rs/tls issue 157.

use std::io::Write;
use std::time::Duration;

use central_oauth_domain::ports::{ProviderError, RefreshAnswer};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Stub, Subject, WithHeader, kind, plain, raw, reply};

const TOKENS: &str = r#"{"access_token":"at-2","refresh_token":"rt-2","expires_in":3600}"#;

/// [`TOKENS`] in Brotli.
const BROTLI: &[u8] = b"\x1b\x3f\x00\x00\x04\x64\x73\xa9\x2f\x2b\x88\xc2\x83\xad\xc8\xc3\xc3\xcb\x83\xbc\x9d\x83\x43\x0e\xe4\xa0\
    \xda\x82\x34\x40\xaa\xd4\x2a\xae\x0f\x5e\xea\xe9\x25\x99\x57\x1d\xa1\xd7\x16\x27\x5a\x98\x51\xfb\x90\x31\
    \xcc\x3e";

/// How a body is cut off.
#[derive(Clone, Copy, Debug)]
enum End {
    /// A chunked body without its last chunk.
    Chunked,
    /// A body that is shorter than its `Content-Length`.
    Length,
    /// A chunked body that stays open and sends nothing more.
    Never,
}

/// Starts a server that sends this status, these headers and this truncated body.
async fn answering(
    status: &'static str,
    headers: &'static str,
    body: Vec<u8>,
    end: End,
) -> Subject {
    let base = raw(move |mut socket| {
        let size = body.len();
        let framing = match end {
            End::Length => format!("content-length: {}\r\n\r\n", size + 9),
            End::Chunked | End::Never => {
                format!("transfer-encoding: chunked\r\n\r\n{size:x}\r\n")
            }
        };
        let head = format!("HTTP/1.1 {status}\r\n{headers}{framing}");
        let sent = [head.as_bytes(), &body].concat();
        async move {
            let _ = socket.write_all(&sent).await;
            if !matches!(end, End::Never) {
                let _ = socket.shutdown().await;
            }
            while socket.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
        }
    })
    .await;
    let mut settings = plain(&base);
    if matches!(end, End::Never) {
        settings.timeout = Duration::from_millis(500);
    }
    Subject::new(settings)
}

/// Refreshes. Returns the refresh token in the response (empty if there is none), or the error and `may_have_acted`.
async fn refreshed(subject: &Subject) -> Result<String, (ProviderError, bool)> {
    let token = match subject.refresh_answer().await {
        Ok(RefreshAnswer::Granted(grant)) => grant.refresh_token,
        Ok(RefreshAnswer::Unusable { refresh_token, .. }) => refresh_token,
        Err(error) => return Err((error.cause, error.may_have_acted)),
    };
    Ok(token.map_or_else(String::new, |token| token.expose().to_owned()))
}

#[tokio::test]
async fn tokens_that_came_are_kept() {
    for body in [
        TOKENS,
        "{\"level\":\"info\"}\n{\"access_token\":\"at-2\",\"refresh_token\":\"rt-2\"}",
        r#"{"access_token":"at-2","refresh_token":"rt-2","expi"#,
        r#"{"refresh_token":"rt-2","access_tok"#,
        "access_token=at-2&refresh_token=rt-2&token_type=Bea",
    ] {
        for end in [End::Chunked, End::Length, End::Never] {
            let subject = answering("200 OK", "", body.into(), end).await;
            let token = refreshed(&subject).await;
            assert_eq!(token.as_deref(), Ok("rt-2"), "{end:?} {body}");
        }
    }
    let access_token = r#"{"access_token":"at-2"}"#;
    let subject = answering("200 OK", "", access_token.into(), End::Chunked).await;
    assert_eq!(refreshed(&subject).await, Ok(String::new()));
}

#[tokio::test]
async fn what_may_be_incomplete_is_no_answer() {
    for body in [
        "",
        r#"{"access_token":"at-2","refresh_token":"rt"#,
        r#"{"access_token":"at-2","refr"#,
        "access_token=at-2&refresh_token=rt",
        r#"{"error":"invalid_grant","error_descri"#,
    ] {
        for end in [End::Chunked, End::Length, End::Never] {
            let subject = answering("200 OK", "", body.into(), end).await;
            let Err((error, may_have_acted)) = refreshed(&subject).await else {
                panic!("{end:?} {body}");
            };
            assert_eq!(kind(&error), ("unavailable", ""), "{end:?} {body}");
            assert!(may_have_acted);
        }
    }
}

#[tokio::test]
async fn errors_that_came_are_believed() {
    let dead = r#"{"error":"invalid_grant","error_description":"expired"}"#;
    for end in [End::Chunked, End::Length] {
        let subject = answering("400 Bad Request", "", dead.into(), end).await;
        let (error, _) = refreshed(&subject).await.unwrap_err();
        assert_eq!(kind(&error), ("refused", "invalid_grant"));
    }
    let limited = answering("429 No", "retry-after: 40\r\n", b"{".into(), End::Length).await;
    let (error, _) = refreshed(&limited).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(40)));
}

// A complete JSON object is a valid response of any endpoint, even if `close_notify` or the last chunk is missing.
#[tokio::test]
async fn a_whole_object_is_an_answer_everywhere() {
    let person = r#"{"sub":"person-1","name":"Ada"}"#;
    let subject = answering("200 OK", "", person.into(), End::Chunked).await;
    assert!(subject.identify(None).await.is_ok());
    let subject = answering("200 OK", "", person[..20].into(), End::Chunked).await;
    assert!(subject.identify(None).await.is_err());
}

/// Refreshes at a server that sends this body with this `Content-Encoding`.
async fn coded(coding: &'static str, body: Vec<u8>) -> Result<String, (ProviderError, bool)> {
    let stub = Stub::start(move |_, _| {
        let answer = reply(200, "application/json", body.clone());
        answer.with_header_value("content-encoding", coding)
    })
    .await;
    refreshed(&Subject::plain(&stub.base)).await
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn deflate(body: &[u8]) -> [Vec<u8>; 2] {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(body).unwrap();
    raw.write_all(body).unwrap();
    [zlib.finish().unwrap(), raw.finish().unwrap()]
}

#[tokio::test]
async fn a_broken_compressed_body_is_read_as_far_as_possible() {
    let whole = gzip(TOKENS.as_bytes());
    let mut bad_sum = whole.clone();
    bad_sum[whole.len() - 8] ^= 1;
    let padded = [whole.as_slice(), b"\n"].concat();
    let cut = whole[..whole.len() - 8].to_vec();
    let [zlib, raw_deflate] = deflate(TOKENS.as_bytes());
    for (coding, body) in [
        ("gzip", bad_sum),
        ("gzip", padded),
        ("gzip", cut.clone()),
        ("gzip", whole[..whole.len() - 10].to_vec()),
        ("gzip, gzip", gzip(&cut)),
        ("deflate", zlib[..zlib.len() - 4].to_vec()),
        ("deflate", raw_deflate[..raw_deflate.len() - 2].to_vec()),
        ("br", BROTLI[..BROTLI.len() - 3].to_vec()),
        ("br", [BROTLI, b"\n"].concat()),
    ] {
        let token = coded(coding, body.clone()).await;
        assert_eq!(token.as_deref(), Ok("rt-2"), "{coding} {body:?}");
    }
    // A truncated gzip body in a truncated chunked body.
    let headers = "content-encoding: gzip\r\n";
    let subject = answering("200 OK", headers, cut, End::Chunked).await;
    assert_eq!(refreshed(&subject).await.as_deref(), Ok("rt-2"));
}

// Each coding may decompress up to 2 MiB, so the number of codings is limited.
#[tokio::test]
async fn no_more_than_four_codings_are_removed() {
    let layers = |count| (0..count).fold(TOKENS.as_bytes().to_vec(), |body, _| gzip(&body));
    let four = "gzip, gzip, gzip, gzip";
    assert_eq!(coded(four, layers(4)).await.as_deref(), Ok("rt-2"));
    let error = coded("gzip, gzip, gzip, gzip, gzip", layers(5)).await;
    assert_eq!(kind(&error.unwrap_err().0), ("nonsense", ""));
}
