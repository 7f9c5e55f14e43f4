//! Compressed responses that the adapter did not request: epam/ai-dial-core issue 1496,
//! modelcontextprotocol/typescript-sdk issue 2408.

use std::io::Write;

use central_oauth_domain::ports::Revoked;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use openidconnect::PrivateSigningKey as _;
use poem::Response;
use serde_json::{Value, json};

use crate::jwt::{claims, ed25519, key_set, sign_ed25519};
use crate::support::{Stub, Subject, WithHeader, issuer, known, metadata, reply, step};

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn compressed(body: &Value) -> Response {
    let answer = reply(200, "application/json", gzip(body.to_string().as_bytes()));
    answer.with_header_value("content-encoding", "gzip")
}

async fn redeemed(coding: &'static str, body: Vec<u8>) -> String {
    let stub = Stub::start(move |_, _| {
        let answer = reply(200, "application/json", body.clone());
        match coding {
            "" => answer,
            coding => answer.with_header_value("content-encoding", coding),
        }
    })
    .await;
    let outcome = Subject::plain(&stub.base).redeem().await;
    stub.last(|seen| assert_eq!(seen.header("accept-encoding"), "identity"));
    step(&outcome)
}

const TOKENS: &[u8] = br#"{"access_token":"at","refresh_token":"rt"}"#;

/// [`TOKENS`] in Brotli.
const BROTLI: &[u8] = b"\x1b\x29\x00\x00\x04\x6a\x72\xe4\xc7\x0f\x94\x49\x0b\x02\xf9\xbd\xb5\x60\x03\x0e\x1c\x83\x34\xa0\x81\xf4\
    \xe4\xb4\xaa\x63\xcf\x36\x3d\x14\x13\x84\x17\x85\x30\x87\x07";
/// [`TOKENS`] in gzip, and then in Brotli.
const GZIP_BROTLI: &[u8] = b"\x0b\x1b\x80\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x4a\x4c\x4e\x4e\x2d\x2e\x8e\x2f\xc9\xcf\x4e\
    \xcd\x53\xb2\x52\x4a\x2c\x51\xd2\x51\x2a\x4a\x4d\x2b\x4a\x2d\xce\x80\x0b\x16\x95\x28\xd5\x02\x00\x53\xeb\
    \x14\x28\x2a\x00\x00\x00\x03";
/// Tokens and 8 MiB of padding, compressed with Brotli.
const BROTLI_BOMB: &[u8] = b"\xcb\xff\xff\x3f\xe0\x8d\xd4\x56\x79\x21\x1d\x28\x23\x54\x7a\x8a\x7c\xed\x35\x8b\x0e\x1d\x1e\x70\xc8\xed\
    \xe0\xf6\x2d\x0d\x34\x32\x2e\x04\xed\x48\xb9\x6e\x3a\x9f\x34\x51\xd3\x05\xad\xf3\xcc\xfb\xbf\x89\x10\x00\
    \xfc\x92\x22\x78\x7d\xd5\x84\x24\x01\x80\xd4";

#[tokio::test]
async fn every_usual_coding_is_understood() {
    for (coding, body) in [
        ("gzip", gzip(TOKENS)),
        ("x-gzip", gzip(TOKENS)),
        ("GZIP", gzip(TOKENS)),
        ("identity", TOKENS.to_vec()),
        ("deflate", zlib(TOKENS)),
        ("deflate", raw_deflate(TOKENS)),
        ("deflate, gzip", gzip(&zlib(TOKENS))),
        ("gzip, identity", gzip(TOKENS)),
        ("br", BROTLI.to_vec()),
        ("BR", BROTLI.to_vec()),
        ("gzip, br", GZIP_BROTLI.to_vec()),
        ("br, gzip", gzip(BROTLI)),
        // `Content-Encoding` is missing or wrong.
        ("", gzip(TOKENS)),
        ("gzip", TOKENS.to_vec()),
        ("br", TOKENS.to_vec()),
        ("br", gzip(TOKENS)),
    ] {
        assert_eq!(redeemed(coding, body).await, "granted", "{coding}");
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_makes_no_sense() {
    let cut = gzip(TOKENS)[..20].to_vec();
    for (coding, body) in [
        ("br", b"\x0b\x14\x80\xf8\xff\x03".to_vec()),
        ("", BROTLI.to_vec()),
        ("gzip", cut),
        ("deflate", b"\xff\xff\xff".to_vec()),
    ] {
        assert_eq!(redeemed(coding, body).await, "nonsense", "{coding}");
    }
}

// The limit of 2 MiB applies to the decompressed size.
#[tokio::test]
async fn a_small_body_cannot_become_a_large_one() {
    let padded =
        |size: usize| json!({"access_token": "at", "padding": "x".repeat(size)}).to_string();
    let bomb = padded(8 << 20).into_bytes();
    for (coding, body) in [
        ("gzip", gzip(&bomb)),
        ("deflate", zlib(&bomb)),
        ("deflate", raw_deflate(&bomb)),
        ("gzip, gzip", gzip(&gzip(&bomb))),
        ("br", BROTLI_BOMB.to_vec()),
    ] {
        assert!(body.len() < 100 << 10);
        assert_eq!(redeemed(coding, body).await, "nonsense", "{coding}");
    }
    let large = padded((2 << 20) - 100).into_bytes();
    assert_eq!(redeemed("gzip", gzip(&large)).await, "granted");
}

#[tokio::test]
async fn at_every_endpoint() {
    let keys = key_set(&[ed25519("ed", 1).as_verification_key()]);
    let stub = Stub::start(move |seen, base| match seen.path.as_str() {
        "/.well-known/openid-configuration" => compressed(&metadata(base)),
        "/jwks" => compressed(&keys),
        "/userinfo" => compressed(&json!({"sub": "person-1", "name": "Ada"})),
        "/device" => compressed(&json!({"device_code": "d", "user_code": "u",
            "verification_uri": "https://example.com"})),
        "/revoke" => compressed(&json!({"error": "invalid_token"})),
        _ => compressed(&json!({"access_token": "at", "refresh_token": "rt"})),
    })
    .await;
    let subject = Subject::new(issuer(&stub.base));
    assert!(subject.begin().await.is_ok());
    assert_eq!(step(&subject.redeem().await), "granted");
    let grant = subject.refresh().await.ok().unwrap();
    assert_eq!(grant.refresh_token.unwrap().expose(), "rt");
    assert_eq!(subject.revoke().await, Ok(Revoked::Unknown));
    let mut unnamed = claims(&stub.base);
    unnamed.as_object_mut().unwrap().remove("name");
    let token = sign_ed25519(&ed25519("ed", 1), "ed", &unnamed);
    let person = subject.identify(Some(&token)).await;
    assert_eq!(person, Ok(known("person-1", Some("Ada"))));
}

// RFC 8259 section 8.1 allows parsers to ignore a byte order mark.
#[tokio::test]
async fn a_byte_order_mark_is_ignored() {
    let marked = [b"\xef\xbb\xbf", TOKENS].concat();
    assert_eq!(redeemed("", marked.clone()).await, "granted");
    assert_eq!(redeemed("gzip", gzip(&marked)).await, "granted");
    let error = "\u{feff}{\"error\":\"invalid_grant\"}";
    let stub = Stub::saying(400, "application/json", error).await;
    let refused = Subject::plain(&stub.base).refresh().await.err().unwrap();
    assert!(refused.to_string().contains("invalid_grant"), "{refused}");
}
