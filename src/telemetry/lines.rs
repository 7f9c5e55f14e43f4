//! Writes log lines to stderr. `serve` writes them in a background thread: if the reader of stderr stops reading, lines
//! are dropped instead of blocking the service.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

/// How many lines wait for a slow reader.
const MOST_WAITING: usize = 4096;
/// How long [`flush`] waits for the reader before the process ends.
const AT_THE_END: Duration = Duration::from_secs(1);

static QUEUE: OnceLock<SyncSender<Item>> = OnceLock::new();
/// The number of lines that did not fit into the queue.
static DROPPED: AtomicU64 = AtomicU64::new(0);

enum Item {
    Line(Vec<u8>),
    /// Asks for an answer once all earlier lines are written.
    Flush(SyncSender<()>),
}

/// Moves writing to a background thread, so that callers of [`write()`] never wait for the reader of stderr.
pub(crate) fn write_in_background() -> io::Result<()> {
    let (queue, items) = sync_channel(MOST_WAITING);
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_all(&items))?;
    // An error means that there is a queue already.
    let _ = QUEUE.set(queue);
    Ok(())
}

fn write_all(items: &Receiver<Item>) {
    let next = || {
        items.try_recv().or_else(|_| {
            tell_dropped();
            items.recv()
        })
    };
    while let Ok(item) = next() {
        match item {
            Item::Line(line) => write_now(&line),
            // An error means that the caller of `flush` no longer waits.
            Item::Flush(done) => _ = done.try_send(()),
        }
    }
}

fn tell_dropped() {
    let lines = DROPPED.swap(0, Ordering::Relaxed);
    if lines > 0 {
        tracing::warn!(
            lines,
            "log lines were dropped, because nobody read standard error"
        );
    }
}

/// Writes one line, or counts it as dropped if the queue is full.
pub(crate) fn write(line: Vec<u8>) {
    let Some(queue) = QUEUE.get() else {
        return write_now(&line);
    };
    match queue.try_send(Item::Line(line)) {
        Err(TrySendError::Full(_)) => _ = DROPPED.fetch_add(1, Ordering::Relaxed),
        Err(TrySendError::Disconnected(Item::Line(line))) => write_now(&line),
        Ok(()) | Err(TrySendError::Disconnected(Item::Flush(_))) => {}
    }
}

/// Writes a line to stderr. Ignores errors, because there is no place to report them.
fn write_now(line: &[u8]) {
    let _ = io::stderr().lock().write_all(line);
}

/// Waits until all lines are written, or until [`AT_THE_END`] has passed.
pub(crate) fn flush() {
    let (done, is_done) = sync_channel(1);
    let asked = QUEUE.get().map(|queue| queue.try_send(Item::Flush(done)));
    if matches!(asked, Some(Ok(()))) {
        let _ = is_done.recv_timeout(AT_THE_END);
    }
}

/// A writer of whole lines.
pub(super) struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        write(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
