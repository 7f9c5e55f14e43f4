//! Notices when a part of the service ends by itself.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Spawns a part of the service, and reports its end, even by a panic.
pub(super) fn watched<T: Send + 'static>(
    part: &'static str,
    ended_sender: &mpsc::UnboundedSender<&'static str>,
    task: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let watch = Watch(part, ended_sender.clone());
    tokio::spawn(async move {
        let _watch = watch;
        task.await
    })
}

struct Watch(&'static str, mpsc::UnboundedSender<&'static str>);

impl Drop for Watch {
    fn drop(&mut self) {
        // Nobody receives this if the service stops.
        let _ = self.1.send(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_panics_is_reported_by_its_name() {
        let (ended_sender, mut ended) = mpsc::unbounded_channel();
        let well = watched(
            "one that waits",
            &ended_sender,
            std::future::pending::<()>(),
        );
        let ill = watched("one that falls", &ended_sender, async {
            panic!("it falls")
        });
        assert_eq!(ended.recv().await, Some("one that falls"));
        let _: Result<(), _> = ill.await;
        assert!(!well.is_finished() && ended.try_recv().is_err());
        well.abort();
    }
}
