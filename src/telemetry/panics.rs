//! Logs panics as ordinary events, in the format of all other lines.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};

use tracing::Level;

use super::lines;

/// Installs a panic hook that logs at `ERROR` instead of printing. The hook does not change whether the program
/// continues.
pub(crate) fn log() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if tracing::enabled!(Level::ERROR) {
            log_panic(panic);
        } else {
            print(panic);
        }
    }));
}

/// Logs the message of a panic. The message comes from this program or a library, and quotes no request.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let words = panic.payload();
    let error = words.downcast_ref::<&str>().copied();
    let error = error.or_else(|| words.downcast_ref::<String>().map(String::as_str));
    let location = panic.location().map(ToString::to_string);
    // Present if `RUST_BACKTRACE` is set.
    let backtrace = Backtrace::capture();
    let is_there = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = is_there.then(|| backtrace.to_string());
    tracing::error!(error, location, backtrace, "panicked");
    // Waits until the line is written, because a panic of the main thread ends the process.
    lines::flush();
}

#[cfg(test)]
mod tests {
    use crate::telemetry::captured_logs;

    #[test]
    fn a_panic_is_one_log_line() {
        captured_logs::start();
        let before = std::panic::take_hook();
        super::log();
        let panicked = std::panic::catch_unwind(|| panic!("two\nlines"));
        std::panic::set_hook(before);
        assert!(panicked.is_err());
        let log = captured_logs::written();
        assert_eq!(log.lines().count(), 1, "{log}");
        for part in ["ERROR", "panicked", r#"error="two\nlines""#, "panics.rs:"] {
            assert!(log.contains(part), "{part} is not in {log}");
        }
    }
}
