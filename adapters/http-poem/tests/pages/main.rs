//! The page at `/device`, as a browser sees it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod browser;
mod callback;
mod confirming;
mod entering;
mod forgery;
mod progress;
mod return_code;
mod world;
