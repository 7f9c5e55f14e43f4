//! Checks whether the key management service still decrypts the secret key.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{Stop, wait_for_stop};
use crate::config::{KmsConfig, NotUnwrapped, WrappedKeys};

/// The longest interval of the checks.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Asks the key management service (KMS) periodically to decrypt the secret key. Returns when told to stop, or when the
/// KMS has refused for the grace period, because then somebody has disabled the key. An outage between two refusals
/// counts as one interval, because a load balancer may ask an active node and a standby in turn. Keeps running while the
/// KMS is unavailable. Also keeps running while a PKCS#11 token rejects the PIN, because a restart would send the wrong
/// PIN again.
pub(crate) async fn watch_key(keys: WrappedKeys, stop: Stop) {
    let Some(&KmsConfig { grace, .. }) = keys.kms() else {
        return wait_for_stop(stop).await;
    };
    let mut refused_for: Option<Duration> = None;
    let mut last_refusal = None;
    let mut is_away = false;
    // With this interval, two refusals with an outage between them do not use up a grace period of 2 s or more.
    let usual = LOOK_EVERY.min(grace / 3).max(Duration::from_secs(1));
    let mut pause = usual;
    while timeout(pause, wait_for_stop(stop.clone())).await.is_err() {
        match keys.unwrap_current().await {
            Ok(_) => {
                if refused_for.take().is_some() || is_away {
                    tracing::info!("the key management service decrypts the secret key again");
                }
                last_refusal = None;
                is_away = false;
                pause = usual;
            }
            Err(error) if error.may_pass() || error.is_wrong_pin() => {
                if !std::mem::replace(&mut is_away, true) {
                    tracing::warn!(%error, "the service continues with the secret key in its memory");
                }
                last_refusal = None;
                pause = usual;
            }
            Err(error) => {
                is_away = false;
                let now = Instant::now();
                let passed = last_refusal.replace(now).map_or(usual, |last| now - last);
                // The grace period begins with the first refusal.
                let refused = refused_for.map_or(Duration::ZERO, |refused| refused + passed);
                refused_for = Some(refused);
                let left = grace.saturating_sub(refused);
                log_refusal(&error, left);
                if left.is_zero() {
                    return;
                }
                pause = pause.min(left);
            }
        }
    }
}

fn log_refusal(error: &NotUnwrapped, left: Duration) {
    let seconds_left = left.as_secs();
    if left.is_zero() {
        tracing::error!(%error, "the secret key may not be used any more; the service stops");
    } else {
        tracing::error!(%error, seconds_left, "the secret key may not be used any more; the service stops unless that changes");
    }
}
