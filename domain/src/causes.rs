//! Formats errors for logs and messages.

use std::error::Error;

/// Returns an error and its causes as one line, because the outermost error alone seldom explains the failure. Leaves
/// out a cause that the line already contains.
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
