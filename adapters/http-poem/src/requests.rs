//! What whoever keeps count of requests is told.

use std::time::Duration;

use poem::http::HeaderMap;
use tracing::Span;

/// Is told about requests, in the middle of them: it must neither wait nor fail.
pub trait Requests: Send + Sync {
    /// A request has come; this is its span, and these are its headers.
    fn began(&self, _span: &Span, _headers: &HeaderMap) {}

    /// A request was answered, or its client went away before; this is its span.
    fn answered(&self, _span: &Span, _answered: &Answered<'_>) {}
}

/// A request that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// Its method: anybody may make one up.
    pub method: &'a str,
    /// The template of its route; there is none for an address that there is not.
    pub route: Option<&'a str>,
    /// The status of the answer, or [`Answered::CLIENT_GONE`].
    pub status: u16,
    /// How long it took.
    pub took: Duration,
}

impl Answered<'_> {
    /// The status of a request whose client went away before there was an answer.
    pub const CLIENT_GONE: u16 = 499;
}

/// Nobody keeps count.
impl Requests for () {}
