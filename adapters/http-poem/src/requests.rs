use std::time::Duration;

use poem::http::HeaderMap;
use tracing::Span;

/// Observes requests while they run; must neither wait nor fail.
pub trait Requests: Send + Sync {
    /// A request arrived. `span` is its span, `headers` are its headers.
    fn began(&self, _span: &Span, _headers: &HeaderMap) {}

    /// A request was answered, or its client disconnected. `span` is its span.
    fn answered(&self, _span: &Span, _answered: &Answered<'_>) {}
}

/// An answered request.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The method, or `_OTHER` for an invented one.
    pub method: &'static str,
    /// The route template; `None` for an unknown path.
    pub route: Option<&'a str>,
    /// The status of the response, or [`Answered::CLIENT_GONE`].
    pub status: u16,
    /// The duration.
    pub took: Duration,
}

impl Answered<'_> {
    /// The status of a request whose client disconnected before the response.
    pub const CLIENT_GONE: u16 = 499;
}
