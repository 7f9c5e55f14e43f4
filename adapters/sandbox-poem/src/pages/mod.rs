//! The pages that people use: plain forms without scripts.

mod code;
mod consent;
mod login;
mod page;
#[cfg(test)]
mod tests;
mod visitor;

use poem::{Response, handler};

pub(crate) use code::{ask_code, index, take_code};
pub(crate) use consent::{ask_consent, done, take_consent};
pub(crate) use login::{ask_person, take_person};

/// `GET /style.css`
#[handler]
pub(crate) fn style() -> Response {
    Response::builder()
        .content_type("text/css; charset=utf-8")
        .header("cache-control", "max-age=3600")
        .body(include_str!("../../templates/style.css"))
}
