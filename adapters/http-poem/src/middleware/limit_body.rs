use poem::error::ReadBodyError;
use poem::http::header;
use poem::{Body, Request, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, copy, sink};

use crate::body::{MAX_BYTES, body_too_large};
use crate::error::{Code, Problem};

/// Maximum size of the headers in bytes, with room for the headers that proxies add. `Authorization` does not count: a
/// key that is too long is rejected as an unknown key.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// How many bytes of an oversized body are read and dropped. Closing a connection with unread bytes resets it, and the
/// client may lose the response (RFC 9112 section 9.6).
const MOST_DROPPED: u64 = 4 * 1024 * 1024;

/// Reads the body. Rejects headers or a body over the limit.
pub(crate) async fn limit_body(request: &mut Request) -> Result<()> {
    let headers = request.headers().iter();
    let headers = headers.filter(|(name, _)| *name != header::AUTHORIZATION);
    let header_bytes: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if header_bytes > MAX_HEADER_BYTES {
        let detail = format!("the headers are larger than {MAX_HEADER_BYTES} bytes");
        return Err(Problem::new(Code::InvalidRequest, detail).into());
    }
    let announced = request.header(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.parse::<u64>().ok());
    let body = request.take_body();
    if announced.is_some_and(|length| length > MAX_BYTES as u64) {
        // A client that sends `Expect` has not sent the body yet (RFC 9110 section 10.1.1).
        if !request.headers().contains_key(header::EXPECT) {
            Box::pin(discard(body.into_async_read())).await;
        }
        return Err(body_too_large().into());
    }
    if !body.is_empty() {
        // Boxed, because the buffer would otherwise enlarge the future of every request.
        request.set_body(Box::pin(read(body)).await?);
    }
    Ok(())
}

async fn read(body: Body) -> Result<Vec<u8>> {
    let mut reader = body.into_async_read();
    let mut bytes = Vec::new();
    let mut limited = (&mut reader).take(MAX_BYTES as u64 + 1);
    let length = limited.read_to_end(&mut bytes).await;
    if length.map_err(ReadBodyError::from)? <= MAX_BYTES {
        return Ok(bytes);
    }
    discard(reader).await;
    Err(body_too_large().into())
}

/// Reads and drops the rest of an oversized body. An error means that the client has disconnected.
async fn discard(rest: impl AsyncRead + Unpin) {
    let _ = copy(&mut rest.take(MOST_DROPPED), &mut sink()).await;
}
