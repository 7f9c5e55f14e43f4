use std::future::pending;
use std::panic::resume_unwind;

use tracing::Instrument as _;

/// Runs work to completion in its own task, even if the caller disconnects. hyper drops the future of a request when
/// the connection closes.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    match tokio::spawn(work.in_current_span()).await {
        Ok(result) => result,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is shutting down.
            Err(_) => pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_goes_on_although_nobody_waits_for_it() {
        let (begin, begun) = oneshot::channel();
        let (tell, outcome) = oneshot::channel();
        let waiting = to_its_end(async move {
            begun.await.unwrap();
            tell.send("stored").unwrap();
        });
        assert_eq!(waiting.now_or_never(), None);
        begin.send(()).unwrap();
        assert_eq!(outcome.await, Ok("stored"));
    }

    #[tokio::test]
    #[should_panic(expected = "a fault")]
    async fn a_panic_reaches_the_caller() {
        to_its_end(async { panic!("a fault") }).await;
    }
}
