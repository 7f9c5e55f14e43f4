//! Fakes for tests.

mod audit;
mod fake_cipher;
mod fixed_clock;
mod memory_store;
mod operators;
mod scripted_identities;
mod scripted_provider;
mod seeded_entropy;
mod services;
mod settings;
mod wrong_code;

pub use audit::{audit_chain, audit_draft};
pub use fake_cipher::FakeCipher;
pub use fixed_clock::FixedClock;
pub use memory_store::MemoryStore;
pub use scripted_identities::ScriptedIdentities;
pub use scripted_provider::ScriptedProvider;
pub use seeded_entropy::seeded_entropy;
pub use services::{ports, ports_over, redeem_to_end, services};
pub use settings::settings;
pub(crate) use wrong_code::WrongCode;
