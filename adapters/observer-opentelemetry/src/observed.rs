//! Ports that are watched: each call in a span, each question to a provider told to the observer.

mod cipher;
mod provider;

pub use cipher::ObservedCipher;
pub use provider::ObservedProvider;
