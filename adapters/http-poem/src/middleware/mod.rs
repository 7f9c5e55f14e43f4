//! Middleware for every request, from the outside in: `trace`, `secure`, `catch_panics`, `answer_problems`, `limit_body`,
//! `protect`, `note_head`; for the API also `request_timeout`.

mod head;
mod headers;
mod limit_body;
mod methods;
mod panics;
mod problems;
mod protect;
mod timeout;
mod trace;

pub(crate) use head::{is_head, note_head};
pub(crate) use headers::secure;
pub(crate) use limit_body::limit_body;
pub(crate) use panics::catch_panics;
pub(crate) use problems::answer_problems;
pub(crate) use protect::protect;
pub(crate) use timeout::request_timeout;
pub(crate) use trace::trace;
