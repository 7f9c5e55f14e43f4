//! Parsing that several adapters need.

mod address;
mod json;

pub use address::is_loopback;
pub use json::unambiguous;
