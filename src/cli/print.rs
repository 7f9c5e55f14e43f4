//! Results go to standard output, where scripts read them. Messages for people go to standard error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use central_oauth_domain::text::is_deceptive;
/// Makes text from other sources safe to print.
pub(super) use central_oauth_domain::text::presentable as printable;
use serde::Serialize;

use super::{Exit, Failure};
use crate::config::{ConfigError, Environment, LogConfig};
use crate::telemetry;

/// Prints a line of the result. A closed pipe (`| head`) is no error; a full disk is one.
pub(super) fn result(line: impl Display) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    let written = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let message = format!("standard output cannot be written: {error}");
            Err(Failure::new(Exit::Other, message))
        }
        _ => Ok(()),
    }
}

/// Whether `--quiet` was given. A global is enough, because a process runs only one command.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Silences [`tell`] and [`warn`].
pub(super) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

pub(super) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Installs the log of an operator's command: warnings and errors, or only errors if `--quiet` was given.
pub(super) fn install_log(environment: &Environment) -> Result<(), ConfigError> {
    let level = if is_quiet() { "error" } else { "warn" };
    telemetry::install(LogConfig::read(environment, level)?);
    Ok(())
}

/// Prints a message for people, unless `--quiet` was given.
pub(super) fn tell(line: impl Display) {
    if !is_quiet() {
        insist(line);
    }
}

/// Prints a warning, unless `--quiet` was given.
pub(super) fn warn(line: impl Display) {
    tell(format_args!("central-oauth: warning: {line}"));
}

/// Prints a message even if `--quiet` was given. Ignores errors, because standard error may be closed.
pub(super) fn insist(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)?;
    result(printable_json(&text))
}

/// Escapes deceptive characters in JSON text. Programs still read the same values, because deceptive characters occur
/// only in JSON strings.
pub(super) fn printable_json(json: &str) -> String {
    let mut printable = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            c if c != '\n' && is_deceptive(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    printable.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => printable.push(c),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let name = "Eve\u{1b}[2J\u{9b}31m\r\u{202e}ecilA 愛 👩‍🚀";
        assert_eq!(printable(name), "Eve [2J 31m ecilA 愛 👩‍🚀");
    }

    #[test]
    fn json_stays_the_same_to_programs() {
        let value = serde_json::json!([{ "name": "Eve\u{1b}[2J\u{9b}31m\u{202e}ecilA 愛\n" }]);
        let printed = printable_json(&format!("{value:#}"));
        assert!(
            !printed.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
            "{printed}"
        );
        assert!(
            printed.contains('愛') && printed.contains('\n'),
            "{printed}"
        );
        let read: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(read, value);
    }
}
