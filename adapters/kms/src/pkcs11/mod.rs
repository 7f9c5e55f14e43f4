//! A key on a PKCS#11 token: a hardware security module, a smart card, or `SoftHSM`.
//!
//! API: <https://docs.oasis-open.org/pkcs11/pkcs11-spec/v3.1/pkcs11-spec-v3.1.html>. Calls into the vendor's library
//! block without a limit, so one thread makes all calls, and callers wait for it with a timeout.

mod ciphertext;
mod conversation;
mod judgement;
mod key;
mod uri;

use std::sync::mpsc;
use std::thread;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::SecretString;
use tokio::sync::oneshot;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::client::TIMEOUT;
use crate::{InvalidKeyName, KEY_LENGTH, KmsError, SecretSource, Service};
use ciphertext::Ciphertext;
use conversation::Conversations;
use uri::KeyAddress;

pub(crate) struct Pkcs11 {
    address: KeyAddress,
    pin: SecretSource,
    jobs: mpsc::Sender<Job>,
}

/// A task for the thread, with the PIN and the channel of the caller.
struct Job {
    pin: SecretString,
    task: Task,
    answer: oneshot::Sender<Result<Done, KmsError>>,
}

/// A task for the token.
enum Task {
    Encrypt {
        object: String,
        key: Zeroizing<[u8; KEY_LENGTH]>,
    },
    Decrypt(Ciphertext),
}

/// The result of a task.
enum Done {
    Encrypted(Ciphertext),
    Decrypted(Zeroizing<Vec<u8>>),
}

impl Pkcs11 {
    /// Parses the URI of a key. The module is loaded at the first request.
    pub(crate) fn new(uri: &str, pin: SecretSource) -> Result<Self, InvalidKeyName> {
        let address = KeyAddress::parse(uri)?;
        let (jobs, queue) = mpsc::channel();
        let conversations = Conversations::new(address.clone());
        let thread = thread::Builder::new().name("pkcs11".to_owned());
        let started = thread.spawn(move || work(conversations, &queue));
        started.map_err(|_| InvalidKeyName::Token("cannot be used: no thread can be started"))?;
        Ok(Self { address, pin, jobs })
    }

    async fn ask(&self, task: Task) -> Result<Done, KmsError> {
        let pin = (self.pin)().map_err(KmsError::Unavailable)?;
        let (answer, answered) = oneshot::channel();
        let job = Job { pin, task, answer };
        let gone = || KmsError::Unavailable("its PKCS#11 module has crashed".to_owned());
        self.jobs.send(job).map_err(|_| gone())?;
        let late = |_| {
            let seconds = TIMEOUT.as_secs();
            KmsError::Unavailable(format!("the token has not answered within {seconds} s"))
        };
        timeout(TIMEOUT, answered)
            .await
            .map_err(late)?
            .map_err(|_| gone())?
    }
}

/// Processes tasks until all senders are dropped. Skips tasks whose callers no longer wait, so that a token which hung
/// is not flooded afterwards.
fn work(mut conversations: Conversations, queue: &mpsc::Receiver<Job>) {
    while let Ok(Job { pin, task, answer }) = queue.recv() {
        if !answer.is_closed() {
            // The send fails only if the caller has stopped waiting.
            let _ = answer.send(conversations.hold(pin, task));
        }
    }
}

#[async_trait]
impl Service for Pkcs11 {
    async fn encrypt(&self, key: &[u8; KEY_LENGTH]) -> Result<String, KmsError> {
        let task = Task::Encrypt {
            object: self.address.object.clone(),
            key: Zeroizing::new(*key),
        };
        let Done::Encrypted(ciphertext) = self.ask(task).await? else {
            return Err(KmsError::Refused("it did not encrypt".to_owned()));
        };
        let encrypted = ciphertext.to_string();
        // Some modules ignore the given IV and use their own, so that nobody can decrypt the result. Therefore test now
        // that the result can be decrypted.
        match self.ask(Task::Decrypt(ciphertext)).await? {
            Done::Decrypted(decrypted) if *decrypted == key[..] => Ok(encrypted),
            _ => Err(KmsError::Refused(
                "it decrypts something else than it has encrypted; an RSA key may work".to_owned(),
            )),
        }
    }

    async fn decrypt(&self, ciphertext: &str) -> Result<SecretString, KmsError> {
        let ciphertext = Ciphertext::parse(ciphertext)?;
        match self.ask(Task::Decrypt(ciphertext)).await? {
            Done::Decrypted(key) => Ok(SecretString::from(BASE64_STANDARD.encode(&*key))),
            Done::Encrypted(_) => Err(KmsError::Refused("it did not decrypt".to_owned())),
        }
    }
}
