//! The audit log: entries about events, and the chain that reveals changes of the log.
//!
//! An entry is written in two steps. [`AuditDraft::entry`] signs it when the event happens, and the store saves it in
//! the transaction of the event. Soon afterwards [`AuditChain::extend`] numbers it and binds it to the entry before it.
//! So no transaction waits for the end of the chain.
//!
//! A new kind of entry is a variant of [`AuditKind`], and a call: `AuditLog::record` for events that may be stored a
//! second later, `AuditLog::draft` for those that must be in the transaction of the event.

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
