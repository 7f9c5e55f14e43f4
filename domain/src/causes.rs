//! Errors for logs and messages.

use std::error::Error;

/// Returns an error with its causes in one line, because the outermost error seldom says what went wrong. A cause that
/// the line already contains is left out.
pub fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !line.contains(&words) {
            line = format!("{line}: {words}");
        }
        source = cause.source();
    }
    line
}
