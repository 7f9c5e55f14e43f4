//! Reloads the certificate when its files are replaced, and warns if it expires soon.

use std::error::Error;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::ports::Clock;
use central_oauth_http_poem::Certificate;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Stop, wait_for_stop};

/// How often the files are read.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often a warning about the dates of the certificate is repeated.
const WARN_EVERY: Duration = Duration::from_secs(24 * 3600);
/// How many failures in a row get one log line.
const FAILURES_PER_LINE: u32 = 60;

/// Loads a replaced certificate within seconds, until told to stop. If the new certificate cannot be used, logs an
/// error and keeps the earlier one.
pub(crate) async fn follow_certificate(
    certificate: Arc<Certificate>,
    clock: Arc<dyn Clock>,
    stop: Stop,
) {
    let mut failures = 0_u32;
    let mut warned = Warned::default();
    loop {
        warned.tell(certificate.warning(clock.now()), clock.uptime());
        let stopped = timeout(LOOK_EVERY, wait_for_stop(stop.clone()));
        if stopped.await.is_ok() {
            return;
        }
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
                // The task was cancelled, because the runtime is shutting down.
                Err(_) => return,
            },
        }
    }
}

/// The last warning about the dates of the certificate, and when it was given.
#[derive(Default)]
struct Warned(Option<(String, Duration)>);

impl Warned {
    /// Logs a warning if it differs from the last one, or if the last one is a day old.
    fn tell(&mut self, warning: Option<String>, uptime: Duration) {
        let Some(warning) = warning else {
            self.0 = None;
            return;
        };
        let last = self.0.as_ref();
        if last.is_none_or(|(told, at)| *told != warning || uptime >= *at + WARN_EVERY) {
            tracing::warn!("{warning}");
            self.0 = Some((warning, uptime));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::captured_logs;

    #[test]
    fn a_warning_is_repeated_daily() {
        captured_logs::start();
        let mut warned = Warned::default();
        let minute = Duration::from_secs(60);
        let mut tell = |text: Option<&str>, uptime| warned.tell(text.map(str::to_owned), uptime);
        for (text, uptime) in [
            (Some("soon"), minute),
            (Some("soon"), WARN_EVERY),
            (Some("soon"), WARN_EVERY + minute),
            (Some("over"), WARN_EVERY + minute),
            (None, WARN_EVERY + minute),
            (Some("over"), WARN_EVERY + minute),
        ] {
            tell(text, uptime);
        }
        let log = captured_logs::written();
        let told = |text: &str| log.lines().filter(|line| line.contains(text)).count();
        assert_eq!((told("soon"), told("over")), (2, 2), "{log}");
    }
}
