//! Waits at the start for the key management service that has wrapped the secret key.

use std::pin::pin;
use std::time::Duration;

use central_oauth_http_poem::waiting_app;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::config::SecretKeys;
use crate::exit::{Exit, Failure};
use crate::service::{ServiceConfig, bind, serve};

/// The first pause between two requests to the key management service; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Unwraps the secret keys. While the key management service is unavailable, waits for it, and answers requests with
/// "not ready".
///
/// # Errors
/// If the key management service refuses, or the address cannot be bound.
pub(crate) async fn secret_keys(config: &ServiceConfig) -> Result<SecretKeys, Failure> {
    let keys = &config.keys.secret;
    let mut reason = match keys.unwrap().await {
        Err(error) if error.may_pass() => error.to_string(),
        unwrapped => return Ok(unwrapped?),
    };
    warn(&reason);
    let (acceptor, _) = bind(config.http.listen, "CENTRAL_OAUTH_LISTEN_ADDR").await?;
    let (stop, stopped) = watch::channel(false);
    let why = "the key management service has not opened the secret key yet";
    let certificate = config.http.certificate()?;
    let app = waiting_app(why);
    let serving = tokio::spawn(serve(acceptor, certificate, app, stopped));
    let mut serving = pin!(serving);
    let mut pause = FIRST_PAUSE;
    let unwrapped = loop {
        tokio::select! {
            // Without this server, no readiness check would get an answer.
            ended = &mut serving => {
                ended?;
                return Err(Failure::new(Exit::Other, "the service stopped listening while it waited"));
            }
            () = sleep(pause) => {}
        }
        pause = LONGEST_PAUSE.min(pause * 2);
        match keys.unwrap().await {
            Err(error) if error.may_pass() => {
                let current = error.to_string();
                if current != reason {
                    warn(&current);
                    reason = current;
                }
            }
            unwrapped => break unwrapped,
        }
    };
    stop.send_replace(true);
    serving.await?;
    Ok(unwrapped?)
}

fn warn(error: &str) {
    tracing::warn!(
        error,
        "waiting for the key management service; until then the service is not ready"
    );
}
