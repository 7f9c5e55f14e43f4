//! `central-oauth`: a token broker for programs that have no browser. This crate is the composition root: it parses,
//! reads the environment, chooses adapters and runs.

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
    // The only TLS provider in the tree; an error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exit = match cli::run(cli::parse()) {
        Ok(exit) => exit,
        Err(failure) => {
            if failure.is_news() {
                telemetry::write(format!("central-oauth: {failure}\n").into_bytes());
            }
            failure.code()
        }
    };
    telemetry::flush();
    ExitCode::from(exit as u8)
}
