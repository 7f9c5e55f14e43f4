//! Helpers for recording audit entries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::FakeCipher;
use crate::audit::{Actor, AuditChain, AuditDraft, AuditReference};
use crate::ports::HashKey;
use crate::time::Timestamp;
use crate::vault::Vault;

/// Creates a chain. The key is always the same.
///
/// # Panics
/// Never, because the fake cipher can decrypt the hash key that it has sealed.
pub fn audit_chain() -> AuditChain {
    let cipher = Arc::new(FakeCipher::default());
    let sealed = Vault::seal_hash_key(cipher.as_ref(), &HashKey::new([7; 32]));
    let vault = sealed.and_then(|sealed| Vault::unlock(cipher, &sealed));
    AuditChain::new(vault.unwrap_or_else(|error| panic!("the fake cipher fails: {error}")))
}

/// Creates an entry without an event. Each entry gets a unique reference.
pub fn audit_draft(actor: Actor, at: Timestamp) -> AuditDraft {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = u128::from(NUMBER.fetch_add(1, Ordering::Relaxed));
    let reference = AuditReference(number.to_be_bytes());
    audit_chain().draft(reference, at, actor, None)
}
