//! What several adapters read from the wire in the same way.

mod address;
mod json;

pub use address::is_loopback;
pub use json::unambiguous;
