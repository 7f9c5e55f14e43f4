//! The published OpenAPI document. The real binary serves and prints it. Strict linters find no problem in it, and the
//! service's responses match it. Clients are generated from it and run. It breaks no client of the last release.
#![allow(clippy::unwrap_used)]

mod answers;
mod clients;
mod document;
mod lint;
mod released;
mod schemathesis;
