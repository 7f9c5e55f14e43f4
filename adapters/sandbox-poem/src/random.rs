//! The only module that creates random values.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The operating system provided no random bytes.
pub(crate) type NoEntropy = getrandom::Error;

/// Returns 192 random bits in base64url, which needs no escaping.
#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox is a server of its own and shares nothing with the broker, Entropy included"
)]
pub(crate) fn secret() -> Result<String, NoEntropy> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

pub(crate) fn number() -> Result<u64, NoEntropy> {
    getrandom::u64()
}
