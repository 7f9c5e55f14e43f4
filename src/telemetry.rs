//! Where events go: standard error, one line each.

use std::io::{self, IsTerminal};

use tracing_subscriber::fmt;

use crate::config::{LogConfig, LogFormat};

/// Installs the subscriber for the whole process. A second call changes nothing.
pub(crate) fn install(config: LogConfig) {
    let lines = fmt()
        .with_env_filter(config.filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    // An error means that a subscriber is there already, which is as good.
    let _ = match config.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
