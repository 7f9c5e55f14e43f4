//! Where events go: standard error, one line each.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{LogConfig, LogFormat};

/// Installs the subscriber for the whole process, with the operator's filter or else this level. A second call changes
/// nothing.
pub(crate) fn install(config: LogConfig, default_level: &str) {
    let filter = config
        .filter
        .unwrap_or_else(|| EnvFilter::new(default_level));
    let lines = fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    // An error means that a subscriber is there already, which is as good.
    let _ = match config.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
