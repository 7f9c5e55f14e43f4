//! Turns a panic into a response, so that a bug in one request neither drops its connection nor affects others.

use std::any::Any;

use poem::{IntoResponse as _, Response};

use crate::error::Problem;

pub(super) fn answer(panic: &(dyn Any + Send)) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Problem::internal(&Panicked(message.to_owned())).into_response()
}

#[derive(Debug)]
struct Panicked(String);

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "panicked: {}", self.0)
    }
}

impl std::error::Error for Panicked {}
