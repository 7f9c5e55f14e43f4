//! The audit log: what is recorded of an event, and the chain that makes changes of the log evident.
//!
//! An entry is written in two steps. [`AuditDraft::entry`] signs it when the event happens; the store keeps it in the
//! transaction of the event. Soon afterwards [`AuditChain::extend`] gives it a number and binds it to the entry before it.
//! So no transaction waits for the end of the chain.
//!
//! A new kind of entry is a variant of [`AuditKind`], and a call: `AuditLog::record` for what may lag a second,
//! `AuditLog::draft` for what must be in the transaction of the event.

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
