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

#[derive(Debug, thiserror::Error)]
#[error("panicked: {0}")]
struct Panicked(String);
