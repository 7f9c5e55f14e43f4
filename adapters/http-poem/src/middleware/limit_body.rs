//! How large a request may be.

use std::sync::Arc;

use poem::http::header;
use poem::{Endpoint, Request, Result};

use crate::error::{Code, Problem};

/// Many times what any request needs.
const MOST_BYTES: usize = 64 * 1024;
/// Enough for the headers that proxies add.
const MOST_HEADER_BYTES: usize = 16 * 1024;

/// Reads the body, up to the limit. A request that announces more is refused before any of it is read.
pub(crate) async fn limit_body<E: Endpoint>(
    next: Arc<E>,
    mut request: Request,
) -> Result<E::Output> {
    let headers = request.headers().iter();
    let header_bytes: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if header_bytes > MOST_HEADER_BYTES {
        let detail = format!("the headers are larger than {MOST_HEADER_BYTES} bytes");
        return Err(Problem::new(Code::InvalidRequest, detail).into());
    }
    let announced = request.header(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MOST_BYTES as u64) {
        let detail = format!("the body is larger than {MOST_BYTES} bytes");
        return Err(Problem::new(Code::PayloadTooLarge, detail).into());
    }
    let body = request.take_body().into_bytes_limit(MOST_BYTES).await?;
    request.set_body(body);
    next.call(request).await
}
