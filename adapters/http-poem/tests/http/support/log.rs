//! Captures the log of each test separately, because each test runs on its own thread.

use std::cell::RefCell;
use std::io::{Result, Write};
use std::sync::Once;

use tracing_subscriber::filter::LevelFilter;

thread_local! {
    static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Paper;

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        WRITTEN.with_borrow_mut(|written| written.write(bytes))
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Starts capturing, once for all tests. A subscriber for a single thread could miss callsites that another thread
/// registered first.
pub(super) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(|| Paper)
            .init();
    });
}

/// Returns what this test's service has logged so far.
pub(crate) fn written() -> String {
    WRITTEN.with_borrow(|written| String::from_utf8(written.clone()).unwrap())
}
