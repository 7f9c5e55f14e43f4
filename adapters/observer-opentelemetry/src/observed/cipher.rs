//! A cipher with spans.

use std::sync::Arc;

use central_oauth_domain::ports::{Cipher, CipherError, HashKey};
use central_oauth_domain::secret::{KeyedHash, SealId, Sealed};
use tracing::{Span, debug_span};
use zeroize::Zeroizing;

/// An instrumented cipher. Hashing is too fast for a span.
pub struct ObservedCipher(Arc<dyn Cipher>);

impl ObservedCipher {
    /// Instruments this cipher.
    #[must_use]
    pub const fn new(cipher: Arc<dyn Cipher>) -> Self {
        Self(cipher)
    }
}

/// Runs `work` in a child of the current span. If there is no current span, creates no span, because a span without a
/// parent would start a new trace.
fn part<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    if Span::current().is_none() {
        return work();
    }
    debug_span!("cipher", otel.name = name).in_scope(work)
}

impl Cipher for ObservedCipher {
    fn seal(&self, plaintext: &[u8], associated_data: &[u8]) -> Result<Sealed, CipherError> {
        part("cipher seal", || self.0.seal(plaintext, associated_data))
    }

    fn open(
        &self,
        sealed: &Sealed,
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CipherError> {
        part("cipher open", || self.0.open(sealed, associated_data))
    }

    fn current_seal_id(&self) -> SealId {
        self.0.current_seal_id()
    }

    fn known_seal_ids(&self) -> Vec<SealId> {
        self.0.known_seal_ids()
    }

    fn keyed_hash(&self, key: &HashKey, value: &[u8]) -> KeyedHash {
        self.0.keyed_hash(key, value)
    }
}
