//! The service itself.

use poem_openapi::{Enum, Object};

/// Status of the service.
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "snake_case")]
pub(crate) enum ServiceState {
    /// The service runs.
    Ok,
    /// The service is ready for requests.
    Ready,
}

/// Status of the service: `ok` if it runs, `ready` if it is ready for requests.
#[derive(Object)]
pub(crate) struct ServiceStatus {
    pub(crate) status: ServiceState,
}
