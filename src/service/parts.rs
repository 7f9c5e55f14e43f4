//! Notices when a part of the service ends by itself.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::runtime::Stop;

/// Starts the parts of the service.
pub(super) struct Parts {
    stop: Stop,
    ended: mpsc::UnboundedSender<&'static str>,
}

impl Parts {
    /// Creates a starter of parts that run until `stop`. The returned receiver gets the name of each part that has
    /// ended.
    pub(super) fn new(stop: Stop) -> (Self, mpsc::UnboundedReceiver<&'static str>) {
        let (ended, receiver) = mpsc::unbounded_channel();
        (Self { stop, ended }, receiver)
    }

    /// Spawns a part. Reports when it ends, even if it panics.
    pub(super) fn start<T, F>(
        &self,
        part: &'static str,
        task: impl FnOnce(Stop) -> F,
    ) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let watch = Watch(part, self.ended.clone());
        let task = task(self.stop.clone());
        tokio::spawn(async move {
            let _watch = watch;
            task.await
        })
    }
}

struct Watch(&'static str, mpsc::UnboundedSender<&'static str>);

impl Drop for Watch {
    fn drop(&mut self) {
        // An error means that the service is stopping and no longer receives.
        let _ = self.1.send(self.0);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;

    #[tokio::test]
    async fn a_part_that_panics_is_reported_by_its_name() {
        let (_stop, stopped) = watch::channel(false);
        let (parts, mut ended) = Parts::new(stopped);
        let well = parts.start("one that waits", |_| std::future::pending::<()>());
        let ill = parts.start("one that falls", async |_| panic!("it falls"));
        assert_eq!(ended.recv().await, Some("one that falls"));
        let _: Result<(), _> = ill.await;
        assert!(!well.is_finished() && ended.try_recv().is_err());
        well.abort();
    }
}
