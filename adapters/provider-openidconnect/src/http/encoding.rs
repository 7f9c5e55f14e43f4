//! Decodes compressed bodies (RFC 9110 section 8.4). Requests ask for no compression, but some CDNs compress
//! regardless.

use std::io::Read;

use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::MAX_BYTES;

/// The first two bytes of every gzip stream (RFC 1952 section 2.3.1). No JSON, form or HTML starts with them.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Maximum number of content codings to decode. Each may take as long as decompressing the largest body.
const MAX_CODINGS: usize = 4;

/// A decoded body, with an error if only its beginning could be decoded.
type Decoded = (Vec<u8>, Option<&'static str>);

/// Removes the content codings of a body.
///
/// Servers mislabel bodies, so the content decides: unlabelled gzip is decoded, and a body that does not match its
/// label stays as it is (`Content-Encoding: UTF-8`).
pub(super) fn decode(codings: &str, body: Vec<u8>) -> Decoded {
    // The header lists the codings in the order in which the server applied them.
    let last = codings.rsplit(',').take(MAX_CODINGS);
    last.fold((body, None), |(body, fault), coding| {
        let (decoded, new_fault) = match coding.trim().to_ascii_lowercase().as_str() {
            "deflate" => inflate(body),
            "br" => unbrotli(body),
            _ => gunzip(body),
        };
        (decoded, fault.or(new_fault))
    })
}

fn gunzip(body: Vec<u8>) -> Decoded {
    if body.starts_with(&GZIP) {
        read(MultiGzDecoder::new(body.as_slice()))
    } else {
        (body, None)
    }
}

/// `deflate` means the zlib format, but some servers send raw deflate (RFC 9110 section 8.4.1.2). If neither can be
/// decoded to the end, the result that begins like JSON counts.
fn inflate(body: Vec<u8>) -> Decoded {
    let zlib = read(ZlibDecoder::new(body.as_slice()));
    if matches!(zlib.1, None | Some(TOO_LONG)) {
        return zlib;
    }
    let raw = read(DeflateDecoder::new(body.as_slice()));
    if matches!(raw.1, None | Some(TOO_LONG)) {
        return raw;
    }
    let mut parts = [zlib, raw].into_iter();
    let part = parts.find(|(decoded, _)| decoded.starts_with(b"{"));
    part.unwrap_or((body, None))
}

/// A Brotli stream (RFC 7932) has no signature, so only the label selects it. A body that cannot be decoded to the end
/// is mislabelled, unless the decoded part begins like JSON. JSON itself is no Brotli stream: its `{` would be a last,
/// empty block with invalid padding.
fn unbrotli(body: Vec<u8>) -> Decoded {
    let decoded = read(Decompressor::new(body.as_slice(), BROTLI_BUFFER));
    if decoded.1.is_none() || decoded.0.starts_with(b"{") {
        return decoded;
    }
    gunzip(body)
}

/// Size of the decoder's input buffer.
const BROTLI_BUFFER: usize = 4096;

const TOO_LONG: &str = "more than 2 MiB once decompressed";

/// Stops at the size limit, so that a small body cannot exhaust the memory.
fn read(decoder: impl Read) -> Decoded {
    let mut decoded = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    let outcome = decoder.take(limit).read_to_end(&mut decoded);
    let fault = match outcome {
        Ok(_) if decoded.len() > MAX_BYTES => Some(TOO_LONG),
        Ok(_) => None,
        Err(_) => Some("a broken compressed body"),
    };
    (decoded, fault)
}
