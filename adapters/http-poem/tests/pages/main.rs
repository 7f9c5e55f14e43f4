//! The pages at `/device` and `/admin`, as a browser sees them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod answers;
mod browser;
mod callback;
mod confirming;
mod entering;
mod forgery;
mod fuzz;
mod languages;
mod operator;
mod progress;
mod relinking;
mod return_code;
mod words;
mod world;
