//! The published OpenAPI document: the real binary serves and prints it, strict linters find no problem, the service's
//! responses match it, clients are generated from it and run, and it breaks no client of the last release.
#![allow(clippy::unwrap_used)]

mod support;

mod openapi {
    mod answers;
    mod clients;
    mod document;
    mod lint;
    mod released;
    mod schemathesis;
}
