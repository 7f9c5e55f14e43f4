//! Liveness and readiness.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::usecases::Services;
use poem_openapi::OpenApi;
use poem_openapi::payload::Json;
use tokio::time::sleep;
use tracing::Instrument as _;

use super::Tag;
use crate::dto::{ServiceState, ServiceStatus};
use crate::error::{Code, Problem};
use crate::failure::{Answer, Documented, Failure};

/// Whoever asks for readiness has little patience.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) struct Health {
    services: Arc<Services>,
}

impl Health {
    pub(super) const fn new(services: Arc<Services>) -> Self {
        Self { services }
    }
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Health")]
impl Health {
    /// Ask whether the service runs
    #[oai(path = "/healthz", method = "get", operation_id = "get_liveness")]
    async fn liveness(&self) -> Result<Json<ServiceStatus>, Failure<GetLiveness>> {
        Ok(Json(ServiceStatus {
            status: ServiceState::Ok,
        }))
    }

    /// Ask whether the service can do its work
    ///
    /// It can when its store answers and takes writes, and its secret key opens what is stored. A write is tested at most once a
    /// second, and only if none was committed in the last 10 s.
    #[oai(path = "/readyz", method = "get", operation_id = "get_readiness")]
    async fn readiness(&self) -> Result<Json<ServiceStatus>, Failure<GetReadiness>> {
        let readiness = Arc::clone(&self.services.readiness);
        // Seen through when the client goes away, as one with less patience does: its like would never learn anything.
        let looking = async move { readiness.ready(sleep(PATIENCE)).await };
        let ready = tokio::spawn(looking.in_current_span()).await;
        let ready = ready.map_err(|failed| Problem::internal(&failed))?;
        ready.map_err(|why| Problem::new(Code::NotReady, why.to_string()))?;
        Ok(Json(ServiceStatus {
            status: ServiceState::Ready,
        }))
    }
}

struct GetLiveness;

impl Documented for GetLiveness {
    const PROBLEMS: &'static [Answer] = &[];
}

struct GetReadiness;

impl Documented for GetReadiness {
    const PROBLEMS: &'static [Answer] = &[Answer(
        503,
        "`not_ready`: the store does not answer or does not take writes, or the secret key does not open it",
    )];
}
