//! Reloads the certificate, whose files are replaced before it expires.

use std::error::Error;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_http_poem::Certificate;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Stop;

/// How often the files are read.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Failures per log line.
const FAILURES_PER_LINE: u32 = 60;

/// Uses a new certificate within seconds, until told to stop. One that cannot be used is logged, and the earlier one stays.
pub(crate) async fn follow_certificate(certificate: Arc<Certificate>, mut stop: Stop) {
    let mut failures = 0_u32;
    while timeout(LOOK_EVERY, stop.wait_for(|stop| *stop))
        .await
        .is_err()
    {
        let certificate = Arc::clone(&certificate);
        match spawn_blocking(move || certificate.read_again()).await {
            Ok(Ok(is_new)) => {
                failures = 0;
                if is_new {
                    tracing::info!("a new certificate is in use");
                }
            }
            Ok(Err(error)) => {
                if failures.is_multiple_of(FAILURES_PER_LINE) {
                    let error = &error as &dyn Error;
                    tracing::error!(
                        error,
                        "the new certificate cannot be used; the earlier one stays"
                    );
                }
                failures += 1;
            }
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime is ending.
                Err(_) => return,
            },
        }
    }
}
