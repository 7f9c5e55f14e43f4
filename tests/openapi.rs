//! The published OpenAPI document: it is the one that the real binary serves and prints, a strict linter has nothing to
//! say against it, and the service answers as it promises.
#![allow(clippy::unwrap_used)]

mod support;

mod openapi {
    mod answers;
    mod document;
    mod lint;
}
