//! Instrumented ports: each call gets a span, and each provider call is reported to the observer.

mod cipher;
mod provider;

pub use cipher::ObservedCipher;
pub use provider::ObservedProvider;
