//! Whether the service can do its work.

use std::time::Duration;

use tokio::sync::Mutex;

use super::{Broker, Refusal};
use crate::ports::CipherError;
use crate::time::Timestamp;

/// An answer holds for so long: whoever asks more often than that costs nothing.
const HOLDS_FOR: Duration = Duration::from_secs(1);

/// What was found last. Whoever asks meanwhile waits for the same answer.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Timestamp, Result<(), NotReady>)>>);

/// Why the service cannot do its work, in words for everybody: the cause is in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotReady(String);

impl Broker {
    /// Whether the service can do its work: the store answers, and the key that was unlocked at the start still opens
    /// it. Cheap, for the answer is kept for a second.
    ///
    /// # Errors
    /// When it cannot, and why.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let mut last = self.readiness.0.lock().await;
        let now = self.clock.now();
        if let Some((at, found)) = &*last
            && (*at..*at + HOLDS_FOR).contains(&now)
        {
            return found.clone();
        }
        let found = self.look_whether_ready().await.map_err(|refusal| {
            tracing::warn!(error = &refusal as &dyn std::error::Error, "not ready");
            NotReady(match refusal {
                Refusal::Cipher(_) => "the secret key does not open what is stored".to_owned(),
                refusal => refusal.to_string(),
            })
        });
        *last = Some((self.clock.now(), found.clone()));
        found
    }

    async fn look_whether_ready(&self) -> Result<(), Refusal> {
        let sealed = self.store.hash_key().await?;
        let sealed = sealed.ok_or(CipherError::UnknownKey)?;
        Ok(self.vault.verify(&sealed)?)
    }
}
