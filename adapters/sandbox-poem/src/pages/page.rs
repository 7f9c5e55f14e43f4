//! The common parts of all pages.

use std::fmt;

use askama::Template;
use poem::error::ResponseError;
use poem::http::StatusCode;
use poem::{Error, Response};

use crate::model::UserCode;

/// The Content Security Policy: allows only the sandbox's own stylesheet and forms, and no frames.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

pub(super) fn page(status: StatusCode, template: &impl Template) -> poem::Result<Response> {
    let html = template
        .render()
        .map_err(|error| Error::new(error, StatusCode::INTERNAL_SERVER_ERROR))?;
    let response = Response::builder()
        .status(status)
        .content_type("text/html; charset=utf-8")
        .header("cache-control", "no-store")
        .header("content-security-policy", POLICY)
        .header("referrer-policy", "same-origin")
        .header("x-content-type-options", "nosniff");
    Ok(response.body(html))
}

/// Redirects to another page, with the code in the query.
pub(super) fn go_to(path: &str, code: &UserCode) -> Response {
    Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header("location", format!("{path}?user_code={code}"))
        .header("cache-control", "no-store")
        .finish()
}

/// Why a person cannot continue.
#[derive(Debug, Clone, Copy)]
pub(super) enum DeadEnd {
    /// The CSRF token of the form does not belong to a session of this browser.
    StaleForm,
    /// No live flow has this code.
    UnknownCode,
    /// The field `decision` is missing or unknown.
    NoDecision,
}

impl fmt::Display for DeadEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StaleForm => {
                "This page is too old, or cookies are off. Please enter the code again."
            }
            Self::UnknownCode => "This code is unknown, used up or expired. Ask for a new one.",
            Self::NoDecision => "Please choose one of the buttons.",
        })
    }
}

impl std::error::Error for DeadEnd {}

impl ResponseError for DeadEnd {
    fn status(&self) -> StatusCode {
        match self {
            Self::StaleForm => StatusCode::FORBIDDEN,
            Self::UnknownCode => StatusCode::NOT_FOUND,
            Self::NoDecision => StatusCode::BAD_REQUEST,
        }
    }

    fn as_response(&self) -> Response {
        let template = ProblemPage {
            problem: &self.to_string(),
        };
        page(self.status(), &template).unwrap_or_else(Error::into_response)
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    problem: &'a str,
}
