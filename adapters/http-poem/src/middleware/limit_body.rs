use poem::error::ReadBodyError;
use poem::http::header;
use poem::{Body, Request, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, copy, sink};

use crate::body::{MAX_BYTES, body_too_large};
use crate::error::{Code, Problem};

/// Maximum size of the headers, enough for those that proxies add. `Authorization` does not count: a key of any length
/// is just an unknown key.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// How much of a body that is too large is read and dropped. A connection that is closed with unread bytes is reset, and
/// the client may lose the response (RFC 9112 section 9.6).
const MOST_DROPPED: u64 = 4 * 1024 * 1024;

/// Reads the body up to the limit.
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
        // Who expects to be asked for the body has not sent it yet (RFC 9110 section 10.1.1).
        if !request.headers().contains_key(header::EXPECT) {
            Box::pin(discard(body.into_async_read())).await;
        }
        return Err(body_too_large().into());
    }
    if !body.is_empty() {
        // On the heap, because the buffer would make the future of every request larger.
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

/// Reads and drops the rest of a body that is too large. An error means that the client is gone.
async fn discard(rest: impl AsyncRead + Unpin) {
    let _ = copy(&mut rest.take(MOST_DROPPED), &mut sink()).await;
}
