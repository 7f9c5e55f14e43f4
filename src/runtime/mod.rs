//! Runs the background work: polls, refreshes, revocations, webhooks, housekeeping. The domain decides what is due,
//! what a response means and when to retry; this module has no rules of its own.

mod audit;
mod census;
mod certificate;
mod deadline;
mod flights;
mod housekeeping;
mod issuers;
mod kms;
mod pause;
mod polls;
mod refreshes;
mod revalidating;
mod revocations;
mod scheduler;
#[cfg(test)]
mod tests;
mod webhooks;

pub(crate) use audit::{store_audit_entries, store_last_audit_entries};
pub(crate) use census::take_census;
pub(crate) use certificate::follow_certificate;
pub(crate) use housekeeping::{check_in_first, run_housekeeping, stay_checked_in};
pub(crate) use issuers::look_up_issuers;
pub(crate) use kms::watch_key;
pub(crate) use pause::MachinePause;
pub(crate) use polls::coordinate;
pub(crate) use refreshes::Refreshes;
pub(crate) use revalidating::revalidate_cached_tokens;
pub(crate) use revocations::Outbox;
pub(crate) use webhooks::deliver_webhooks;

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use central_oauth_domain::ports::StoreError;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// The pause between two attempts to use a store that fails.
const STORE_PAUSE: Duration = Duration::from_millis(500);
/// How many failed attempts to record a result get one log line.
const ATTEMPTS_PER_LINE: u32 = 20;
/// How long work in progress may take to record its result after the stop signal, in addition to its provider call.
pub(crate) const TO_RECORD: Duration = Duration::from_secs(10);

/// Becomes `true` when all parts of the service must stop.
pub(crate) type Stop = watch::Receiver<bool>;

/// Waits until the parts are told to stop.
pub(crate) async fn wait_for_stop(mut stop: Stop) {
    // An error means that the sender is gone, which also means to stop.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Sleeps. Returns early when the parts are told to stop.
async fn pause(length: Duration, stop: &mut Stop) {
    let _ = timeout(length, stop.changed()).await;
}

/// Tries to record a result, up to `tries` times, while `may_retry` returns `true` for the error. The second argument
/// of `may_retry` says whether to log this failure. Attempts begin [`STORE_PAUSE`] apart. An attempt that took longer
/// is repeated at once.
async fn record_repeatedly<T, F: Future<Output = Result<T, StoreError>>>(
    tries: u32,
    record: impl Fn() -> F,
    mut may_retry: impl FnMut(&StoreError, bool) -> bool,
) -> Option<T> {
    for attempt in 0..tries {
        let next = Instant::now() + STORE_PAUSE;
        match record().await {
            Ok(recorded) => return Some(recorded),
            Err(error) if may_retry(&error, attempt.is_multiple_of(ATTEMPTS_PER_LINE)) => {}
            Err(_) => return None,
        }
        sleep_until(next).await;
    }
    None
}

/// Starts listening for SIGTERM, SIGINT (Ctrl-C) and SIGQUIT, with which some containers are stopped. The returned
/// future completes at the first of these signals.
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
        }
    })
}

/// Runs the action at each signal, for ever.
pub(crate) async fn at_each(mut signals: Signal, mut act: impl FnMut()) -> Infallible {
    loop {
        match signals.recv().await {
            Some(()) => act(),
            None => std::future::pending().await,
        }
    }
}
