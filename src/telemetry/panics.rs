//! A panic is an event like any other: one line, in the format of all the others.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};

use tracing::Level;

/// Has panics logged from now on, where errors are, instead of printed.
pub(super) fn log() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if tracing::enabled!(Level::ERROR) {
            tell(panic);
        } else {
            print(panic);
        }
    }));
}

/// The message is this program's own, or a library's: nobody who sends something is quoted in it.
fn tell(panic: &PanicHookInfo<'_>) {
    let words = panic.payload();
    let error = words.downcast_ref::<&str>().copied();
    let error = error.or_else(|| words.downcast_ref::<String>().map(String::as_str));
    let location = panic.location().map(ToString::to_string);
    // There is one where `RUST_BACKTRACE` asks for it.
    let backtrace = Backtrace::capture();
    let is_there = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = is_there.then(|| backtrace.to_string());
    tracing::error!(error, location, backtrace, "panicked");
}

#[cfg(test)]
mod tests {
    use crate::telemetry::captured_logs;

    #[test]
    fn a_panic_is_one_line_of_the_log() {
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
