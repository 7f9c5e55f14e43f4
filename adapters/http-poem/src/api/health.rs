//! Liveness and readiness.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::usecases::{Refusal, Services};
use poem_openapi::OpenApi;
use poem_openapi::payload::Json;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use super::Tag;
use crate::dto::{Liveness, Readiness as Ready};
use crate::error::{Code, Problem};
use crate::failure::{Failure, documented};

/// Timeout of a check. Readiness probes wait only a few seconds for the response.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How long a result is cached, so that frequent probes are cheap.
const CACHED_FOR: Duration = Duration::from_secs(1);
const TOO_SLOW: &str = "the store does not answer in time";

pub(crate) struct Health {
    readiness: Arc<Readiness>,
}

impl Health {
    pub(super) fn new(services: Arc<Services>) -> Self {
        let last = Mutex::default();
        let readiness = Arc::new(Readiness { services, last });
        Self { readiness }
    }
}

struct Readiness {
    services: Arc<Services>,
    last: Mutex<Option<Checked>>,
}

/// The time of a check, and the public reason if the service is not ready. The cause is in the log.
type Checked = (Instant, Result<(), String>);

impl Readiness {
    /// Checks readiness, or returns the cached result. Requests during a check wait for its result.
    async fn check(&self) -> Result<(), String> {
        let mut last = self.last.lock().await;
        if let Some((at, result)) = &*last
            && at.elapsed() < CACHED_FOR
        {
            return result.clone();
        }
        let result = match timeout(TIMEOUT, self.services.readiness.check()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(refusal)) => Err(logged(words(&refusal), &refusal, last.as_ref())),
            Err(_) => {
                let error: Box<dyn Error + Send + Sync> = TOO_SLOW.into();
                Err(logged(TOO_SLOW.to_owned(), &*error, last.as_ref()))
            }
        };
        *last = Some((Instant::now(), result.clone()));
        result
    }
}

fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Cipher(_) => "the secret key does not decrypt the stored values".to_owned(),
        refusal => refusal.to_string(),
    }
}

/// Logs at `WARN` only if the reason has changed, because probes repeat the same request.
fn logged(why: String, error: &(dyn Error + 'static), last: Option<&Checked>) -> String {
    if last.is_some_and(|(_, last)| last.as_ref() == Err(&why)) {
        tracing::debug!(error, "not ready, as before");
    } else {
        tracing::warn!(error, "not ready");
    }
    why
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Service")]
impl Health {
    /// Check that the service runs
    ///
    /// Responds as long as the process runs, whatever the state of its store and its providers.
    #[oai(path = "/healthz", method = "get", operation_id = "get_liveness")]
    async fn liveness(&self) -> Result<Json<Liveness>, Failure<GetLiveness>> {
        Ok(Json(Liveness::new()))
    }

    /// Check that the service is ready
    ///
    /// The service is ready if its store responds and takes writes, and if its secret key can decrypt the stored
    /// values. A write is tested at most once a second, and only if nothing was committed in the last 10 s.
    #[oai(path = "/readyz", method = "get", operation_id = "get_readiness")]
    async fn readiness(&self) -> Result<Json<Ready>, Failure<GetReadiness>> {
        let readiness = Arc::clone(&self.readiness);
        // Finishes the check even if the client disconnects, so that its result is cached. Otherwise a client whose
        // timeout is shorter than the check would never get an answer.
        let check = async move { readiness.check().await };
        let ready = tokio::spawn(check.in_current_span()).await;
        let ready = ready.map_err(|failed| Problem::internal(&failed))?;
        ready.map_err(|why| Problem::new(Code::NotReady, why))?;
        Ok(Json(Ready::new()))
    }
}

documented!(GetLiveness, None, []);

documented!(GetReadiness, None, [
    "the store does not answer or takes no writes, or the secret key cannot decrypt it" =>
        Problem::new(Code::NotReady, TOO_SLOW),
]);
