//! What the rules need from the outside: four ports.

mod cipher;
mod clock;
mod oauth_provider;
mod token_store;

pub use cipher::{Cipher, CipherError, HashKey};
pub use clock::Clock;
pub use oauth_provider::{
    Callback, Consent, ConsentRequest, OAuthProvider, Prompt, ProviderError, Redemption,
    RefreshError,
};
pub use token_store::{LinkCreation, NewLink, NewLinkKey, Recorded, StoreError, TokenStore};
