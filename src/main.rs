//! `central-oauth`: a token broker for programs that have no browser. This crate is the composition root: it parses the
//! command line, reads the environment, chooses adapters and runs the command.

mod cli;
mod config;
mod descriptors;
mod exit;
mod private_memory;
mod runtime;
mod service;
mod starting;
mod telemetry;
mod watching;
mod wiring;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Takes less processor time for each request than the allocator of the C library (docs/PERFORMANCE.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // ring is the only rustls crypto provider in the tree. An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exit = match cli::run(cli::parse()) {
        Ok(exit) => exit,
        Err(failure) => {
            if failure.needs_printing() {
                telemetry::write(format!("central-oauth: {failure}\n").into_bytes());
            }
            failure.code
        }
    };
    telemetry::flush();
    ExitCode::from(exit as u8)
}
