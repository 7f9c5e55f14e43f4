//! The only module that creates random values.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use getrandom::SysRng;
use getrandom::rand_core::{Rng as _, UnwrapErr};

/// Returns 192 random bits in base64url, which needs no escaping.
pub(crate) fn secret() -> String {
    let mut bytes = [0; 24];
    UnwrapErr(SysRng).fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn number() -> u64 {
    UnwrapErr(SysRng).next_u64()
}
