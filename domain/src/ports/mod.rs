//! What the rules need from the outside: four ports.

mod cipher;
mod clock;
mod oauth_provider;
mod token_store;

pub use cipher::{Cipher, CipherError, HashKey};
pub use clock::Clock;
pub use oauth_provider::{
    Consent, ConsentRequest, OAuthProvider, Prompt, ProviderError, Redemption, RefreshError,
    Revoked, TokenToRevoke,
};
pub use token_store::{
    AccountCount, AccountStore, Census, CensusStore, DyingCount, KeyCreation, KeyStore,
    LinkCreation, LinkStore, NewLink, NewLinkKey, Recorded, RefreshStore, Resealing,
    RevocationStore, SealStore, SealedColumn, SealedRow, SealedTable, SealedTo, SealedValue,
    StoreError, TokenStore,
};
