//! Decodes compressed bodies (RFC 9110 section 8.4). Requests ask for none, but some CDNs compress regardless.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::MAX_BYTES;

/// The first two bytes of every gzip stream (RFC 1952 section 2.3.1). No JSON, form or HTML starts with them.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Removes the content codings of a body, or returns a description of the error.
///
/// Servers mislabel bodies, so the content decides: unlabelled gzip is decoded, and a body that its label does not fit
/// stays as it is (`Content-Encoding: UTF-8`).
pub(super) fn decode(codings: &str, body: Vec<u8>) -> Result<Vec<u8>, &'static str> {
    let mut body = body;
    // The codings are listed in the order of their application.
    for coding in codings.rsplit(',') {
        body = if coding.trim().eq_ignore_ascii_case("deflate") {
            inflate(body)?
        } else {
            gunzip(body)?
        };
    }
    Ok(body)
}

fn gunzip(body: Vec<u8>) -> Result<Vec<u8>, &'static str> {
    if body.starts_with(&GZIP) {
        read(MultiGzDecoder::new(body.as_slice()))
    } else {
        Ok(body)
    }
}

/// `deflate` means the zlib format, but some servers send raw deflate (RFC 9110 section 8.4.1.2).
fn inflate(body: Vec<u8>) -> Result<Vec<u8>, &'static str> {
    let zlib = read(ZlibDecoder::new(body.as_slice()));
    let raw = || read(DeflateDecoder::new(body.as_slice()));
    match zlib.or_else(|reason| {
        if reason == TOO_LONG {
            Err(reason)
        } else {
            raw()
        }
    }) {
        Err(reason) if reason != TOO_LONG => Ok(body),
        decoded => decoded,
    }
}

const TOO_LONG: &str = "more than 2 MiB once decompressed";

/// Stops at the size limit, so that a small body cannot exhaust the memory.
fn read(decoder: impl Read) -> Result<Vec<u8>, &'static str> {
    let mut decoded = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    match decoder.take(limit).read_to_end(&mut decoded) {
        Ok(_) if decoded.len() > MAX_BYTES => Err(TOO_LONG),
        Ok(_) => Ok(decoded),
        Err(_) => Err("a broken compressed body"),
    }
}
