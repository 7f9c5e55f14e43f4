//! Problem details (RFC 9457).

use poem_openapi::Object;
use poem_openapi::types::Example;

use crate::error::Code;

/// An error (RFC 9457).
#[derive(Object)]
#[oai(rename = "Problem", skip_serializing_if_is_none, example)]
pub(crate) struct ProblemDetails {
    /// Always `about:blank`; see `code`.
    #[oai(rename = "type")]
    kind: String,
    /// The name of the HTTP status.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What went wrong, for people.
    detail: String,
    /// What went wrong, for programs. A code never changes its meaning. New codes may be added: handle an unknown one
    /// by its status.
    code: String,
    /// With `wrong_return_code`: how often the return code may still be tried.
    pub(crate) tries_left: Option<u32>,
}

impl ProblemDetails {
    pub(crate) fn new(code: Code, detail: String) -> Self {
        let status = code.status();
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail,
            code: code.as_str().to_owned(),
            tries_left: None,
        }
    }
}

impl Example for ProblemDetails {
    fn example() -> Self {
        Self::new(Code::NotFound, "no link has this code".to_owned())
    }
}
