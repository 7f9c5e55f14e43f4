//! The audit log: entries about events, and the chain that detects changes to the log.
//!
//! An entry is written in two steps. [`AuditDraft::entry`] signs the entry when the event happens, and the store saves
//! it in the transaction of the event. Soon afterwards, [`AuditChain::extend`] numbers the entry and binds it to the
//! previous entry. So no transaction waits for a lock on the end of the chain.
//!
//! To add a kind of entry, add a variant of [`AuditKind`] and a call. Call `AuditLog::record` for events that may be
//! stored a second later, and `AuditLog::draft` for events that must be stored in their transaction.

mod chain;
mod entry;
mod event;
mod network;
#[cfg(test)]
mod tests;

pub use chain::{
    AuditChain, AuditEnds, AuditPosition, ChainBreak, Extension, NoPosition, Shortening,
};
pub use entry::{
    AuditContent, AuditDraft, AuditEntry, AuditFilter, AuditNumber, AuditReference, SignedEntry,
};
pub use event::{Actor, AuditEvent, AuditKind};
pub use network::{AuditNetwork, NetworkPrecision};
