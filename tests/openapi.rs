//! The published OpenAPI document: it is the one that the real binary serves and prints, a strict linter has nothing to
//! say against it, the service answers as it promises, clients are generated from it and run, and it breaks no client of
//! the last release.
#![allow(clippy::unwrap_used)]

mod support;

mod openapi {
    mod answers;
    mod clients;
    mod document;
    mod lint;
    mod released;
}
