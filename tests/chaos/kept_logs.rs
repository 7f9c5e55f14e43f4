//! Logs that are kept to examine a failed run: `CHAOS_LOGS=FOLDER`.

use std::path::PathBuf;

use crate::support::service::Service;

/// Logs everything of the service itself, if the logs are kept.
pub(super) fn set_level(service: &mut Service) {
    if folder().is_some() {
        service.set("LOG", "info,central_oauth=debug");
    }
}

/// Creates the file `start`. The times in the report count from its modification time.
pub(super) fn begin() {
    if let Some(folder) = folder() {
        std::fs::write(folder.join("start"), "").expect("cannot keep logs");
    }
}

/// Keeps the log of each process, over all its runs.
pub(super) fn keep(services: &[Service]) {
    let Some(folder) = folder() else {
        return;
    };
    for (process, service) in services.iter().enumerate() {
        let log = folder.join(format!("process-{process}.log"));
        std::fs::write(&log, service.logs()).expect("cannot keep a log");
    }
}

fn folder() -> Option<PathBuf> {
    let mut variables = std::env::vars_os();
    let (_, folder) = variables.find(|(name, _)| name == "CHAOS_LOGS")?;
    Some(folder.into())
}
