use std::time::Duration;

use poem::http::HeaderMap;
use tracing::Span;

/// An observer of requests. Its methods must neither block nor fail.
pub trait Requests: Send + Sync {
    /// Called when a request arrives. `span` is its span, `headers` are its headers.
    fn began(&self, _span: &Span, _headers: &HeaderMap) {}

    /// Called when a request is answered or its client disconnects. `span` is its span.
    fn answered(&self, _span: &Span, _answered: &Answered<'_>) {}
}

/// An answered request.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The method, or `_OTHER` for an unknown one.
    pub method: &'static str,
    /// The route template; `None` for an unknown path.
    pub route: Option<&'a str>,
    /// The status of the response, or [`Answered::CLIENT_GONE`].
    pub status: u16,
    /// The time from the request's arrival to the response or the disconnection.
    pub took: Duration,
}

impl Answered<'_> {
    /// The status of a request whose client disconnected before the response.
    pub const CLIENT_GONE: u16 = 499;
}
