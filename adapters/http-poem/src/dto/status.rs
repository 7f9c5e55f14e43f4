//! The service itself.

use poem_openapi::Object;
use poem_openapi::types::Example;

/// The service runs.
#[derive(Object)]
#[oai(example)]
pub(crate) struct Liveness {
    /// Always `ok`.
    status: String,
}

/// The service is ready for requests.
#[derive(Object)]
#[oai(example)]
pub(crate) struct Readiness {
    /// Always `ready`.
    status: String,
}

impl Liveness {
    pub(crate) fn new() -> Self {
        let status = "ok".to_owned();
        Self { status }
    }
}

impl Readiness {
    pub(crate) fn new() -> Self {
        let status = "ready".to_owned();
        Self { status }
    }
}

impl Example for Liveness {
    fn example() -> Self {
        Self::new()
    }
}

impl Example for Readiness {
    fn example() -> Self {
        Self::new()
    }
}
