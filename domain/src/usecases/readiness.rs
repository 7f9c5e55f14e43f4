//! Whether the service can do its work.

use std::error::Error;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Mutex;

use super::{Ports, Refusal};
use crate::ports::{CipherError, Clock, SealStore, WriteTestStore};
use crate::time::Timestamp;
use crate::vault::Vault;

/// An answer holds for so long: whoever asks more often than that costs nothing.
const HOLDS_FOR: Duration = Duration::from_secs(1);

/// A commit shows for so long that writing works, unless a write has failed since.
const PROVED_FOR: Duration = Duration::from_secs(10);

/// Whether the service can do its work.
pub struct Readiness {
    write_tests: Arc<dyn WriteTestStore>,
    seals: Arc<dyn SealStore>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    /// What was found last. Whoever asks meanwhile waits for the same answer.
    last: Mutex<Option<Found>>,
}

/// What was found, and when.
type Found = (Timestamp, Result<(), NotReady>);

/// Why the service cannot do its work, in words for everybody: the cause is in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotReady(String);

impl Readiness {
    pub(super) fn new(ports: &Ports) -> Self {
        Self {
            write_tests: ports.store.clone(),
            seals: ports.store.clone(),
            vault: ports.vault.clone(),
            clock: Arc::clone(&ports.clock),
            last: Mutex::default(),
        }
    }

    /// Whether the service can do its work: the store answers before patience ends and takes writes, and the key that was
    /// unlocked at the start still opens it. Cheap, for the answer is kept for a second, be it that there was none in time. To be seen
    /// through whether or not the caller waits, so that there is one.
    ///
    /// # Errors
    /// When it cannot, and why.
    pub async fn ready(&self, patience_ends: impl Future<Output = ()>) -> Result<(), NotReady> {
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        if let Some((at, found)) = &*last
            && (*at..*at + HOLDS_FOR).contains(&now)
        {
            return found.clone();
        }
        let found = match first(self.look_whether_ready(), patience_ends).await {
            Some(Ok(())) => Ok(()),
            Some(Err(refusal)) => Err(told(words(&refusal), &refusal, last.as_ref())),
            None => {
                let late = NotReady("the store does not answer in time".to_owned());
                Err(told(late.clone(), &late, last.as_ref()))
            }
        };
        *last = Some((self.clock.now(), found.clone()));
        found
    }

    async fn look_whether_ready(&self) -> Result<(), Refusal> {
        // First: it replaces connections to a server that has become read-only.
        self.write_tests.test_write(Some(PROVED_FOR)).await?;
        let sealed = self.seals.hash_key().await?;
        let sealed = sealed.ok_or(CipherError::UnknownKey)?;
        Ok(self.vault.verify(&sealed)?)
    }
}

fn words(refusal: &Refusal) -> NotReady {
    NotReady(match refusal {
        Refusal::Cipher(_) => "the secret key does not open what is stored".to_owned(),
        refusal => refusal.to_string(),
    })
}

/// Tells the log, at `WARN` when it is news: whoever asks does so again and again.
fn told(why: NotReady, cause: &(dyn Error + 'static), last: Option<&Found>) -> NotReady {
    if last.is_some_and(|(_, last)| last.as_ref() == Err(&why)) {
        tracing::debug!(error = cause, "not ready, as before");
    } else {
        tracing::warn!(error = cause, "not ready");
    }
    why
}

/// What the work brings, unless the other one ends before.
async fn first<T>(work: impl Future<Output = T>, end: impl Future<Output = ()>) -> Option<T> {
    let (mut work, mut end) = (pin!(work), pin!(end));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => end.as_mut().poll(context).map(|()| None),
    })
    .await
}
