//! The service itself.

use poem_openapi::{Enum, Object};

/// How the service is.
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "snake_case")]
pub(crate) enum ServiceState {
    /// It runs.
    Ok,
    /// It can do its work.
    Ready,
}

/// How the service is: `ok` when it runs, `ready` when it can do its work.
#[derive(Object)]
pub(crate) struct ServiceStatus {
    pub(crate) status: ServiceState,
}
