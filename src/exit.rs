//! Exit codes, which scripts rely on.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use crate::config::ConfigError;

/// The exit codes, as `--help` shows them.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  something else went wrong; the message says what
  2  the command line is wrong
  3  no usable access key: not linked yet, or the key is unknown, expired or revoked
  4  the person declined
  5  the link code expired
  6  the link failed
  7  a person must consent again: run central-oauth link --relink
  8  the service or the provider cannot be reached; try again later";

/// The exit code of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Other = 1,
    Usage = 2,
    NoKey = 3,
    Denied = 4,
    Expired = 5,
    LinkFailed = 6,
    RelinkRequired = 7,
    Unavailable = 8,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed: one line for the person, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Exit,
    message: String,
    is_told: bool,
}

impl Failure {
    pub(crate) fn new(code: Exit, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            is_told: false,
        }
    }

    /// Builds a failure with exit code 1 and all its causes in one line.
    pub(crate) fn other(error: impl Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !message.contains(&cause_text) {
                message = format!("{message}: {cause_text}");
            }
            source = cause.source();
        }
        Self::new(Exit::Other, message)
    }

    pub(crate) const fn code(&self) -> Exit {
        self.code
    }

    /// Marks the failure as printed, so that it is not printed again.
    pub(crate) fn told(self) -> Self {
        Self {
            is_told: true,
            ..self
        }
    }

    /// Whether the failure was not printed yet.
    pub(crate) const fn is_news(&self) -> bool {
        !self.is_told
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::other(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::other(error)
    }
}
