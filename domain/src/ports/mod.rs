//! What the rules need from the outside.

mod cipher;
mod clock;
mod oauth_provider;
mod token_store;

pub use cipher::{Cipher, CipherError, HashKey};
pub use clock::Clock;
pub use oauth_provider::{
    Consent, ConsentHandle, ConsentRequest, OAuthProvider, Prompt, ProviderError, Redemption,
    RefreshAnswer, RefreshError, Revoked, TokenToRevoke,
};
pub use token_store::{
    AccountCount, AccountStore, AdminSessionStore, AuditStore, Census, CensusStore, ClockStepStore,
    Descendants, DyingCount, GuessStore, KeyCreation, KeyStore, LinkCreation, LinkStore, NewLink,
    NewLinkKey, OpenedGrant, OpenedKey, OutageStore, OverdueCount, OwnerKind, ReadStore, Recorded,
    RefreshStore, ReplicaStore, Resealing, RevocationStore, RowVersion, SealStore, SealedRow,
    SealedTo, SealedValue, SecretKind, StoreError, TokenStore, WriteTestStore,
};
