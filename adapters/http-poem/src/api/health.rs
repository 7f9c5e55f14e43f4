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

/// Timeout of a readiness check; monitoring expects a quick response.
const READY_TIMEOUT: Duration = Duration::from_secs(3);

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
    /// Check that the service runs
    #[oai(path = "/healthz", method = "get", operation_id = "get_liveness")]
    async fn liveness(&self) -> Result<Json<ServiceStatus>, Failure<GetLiveness>> {
        Ok(Json(ServiceStatus {
            status: ServiceState::Ok,
        }))
    }

    /// Check that the service is ready
    ///
    /// It is ready when its store answers and takes writes and its secret key can decrypt the stored values. A write is
    /// tested at most once a second, and only if nothing was committed in the last 10 s.
    #[oai(path = "/readyz", method = "get", operation_id = "get_readiness")]
    async fn readiness(&self) -> Result<Json<ServiceStatus>, Failure<GetReadiness>> {
        let readiness = Arc::clone(&self.services.readiness);
        // Runs to completion even if the client disconnects, so that an impatient monitor still updates the cached
        // result.
        let check = async move { readiness.ready(sleep(READY_TIMEOUT)).await };
        let ready = tokio::spawn(check.in_current_span()).await;
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
        "`not_ready`: the store does not answer or takes no writes, or the secret key cannot decrypt it",
    )];
}
