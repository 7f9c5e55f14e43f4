//! What the rules need from the outside: four ports, and one for
//! moving house.

mod cipher;
mod clock;
mod oauth_provider;
mod store_copy;
mod token_store;

pub use cipher::{Cipher, CipherError, HashKey};
pub use clock::Clock;
pub use oauth_provider::{
    Consent, ConsentHandle, ConsentRequest, OAuthProvider, Prompt, ProviderError, Redemption,
    RefreshAnswer, RefreshError, Revoked, TokenToRevoke,
};
pub use store_copy::{CopyStep, StoreCopy, TableCount};
pub use token_store::{
    AccountCount, AccountStore, Census, CensusStore, ClockStepStore, DyingCount, GuessStore,
    KeyCreation, KeyStore, LinkCreation, LinkStore, NewLink, NewLinkKey, OutageStore, OverdueCount,
    Recorded, RefreshStore, ReplicaStore, Resealing, RevocationStore, SealStore, SealedColumn,
    SealedRow, SealedTable, SealedTo, SealedValue, StoreError, TokenStore, WriteTestStore,
};
