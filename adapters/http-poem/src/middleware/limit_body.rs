use poem::http::header;
use poem::{Request, Result};

use crate::body::{MAX_BYTES, body_too_large};
use crate::error::{Code, Problem};

/// Maximum size of the headers, enough for those that proxies add. `Authorization` does not count: a key of any length
/// is just an unknown key.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Reads the body up to the limit. A larger `Content-Length` is rejected before reading.
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
    if announced.is_some_and(|length| length > MAX_BYTES as u64) {
        return Err(body_too_large().into());
    }
    let body = request.take_body();
    if !body.is_empty() {
        // On the heap, because the buffer would make the future of every request larger by 4 KiB.
        let body = Box::pin(body.into_bytes_limit(MAX_BYTES)).await?;
        request.set_body(body);
    }
    Ok(())
}
