//! The interfaces between the domain and the outside world.

mod cipher;
mod clock;
mod oauth_provider;
mod token_store;
mod webhook_sender;
mod workload_identities;

pub use cipher::{Cipher, CipherError, HashKey};
pub use clock::Clock;
pub use oauth_provider::{
    Consent, ConsentHandle, ConsentRequest, OAuthProvider, Prompt, ProviderError, Redemption,
    RefreshAnswer, RefreshError, Revoked, ScopeWords, TokenToRevoke,
};
pub use token_store::*;
pub use webhook_sender::{WebhookError, WebhookSender};
pub use workload_identities::{NotVerified, SignedClaims, WorkloadIdentities};
