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
use cryptoki::session::Session;
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
type Job = Box<dyn FnOnce(&mut Conversations) + Send>;

impl Pkcs11 {
    /// Parses the URI of a key. The module is loaded at the first request.
    pub(crate) fn new(uri: &str, pin: SecretSource) -> Result<Self, InvalidKeyName> {
        let address = KeyAddress::parse(uri)?;
        let (jobs, queue) = mpsc::channel::<Job>();
        let mut conversations = Conversations::new(address.clone());
        let thread = thread::Builder::new().name("pkcs11".to_owned());
        let started =
            thread.spawn(move || queue.into_iter().for_each(|job| job(&mut conversations)));
        started.map_err(|_| InvalidKeyName::Token("cannot be used: no thread can be started"))?;
        Ok(Self { address, pin, jobs })
    }

    async fn ask<T: Send + 'static>(
        &self,
        task: impl FnOnce(&Session) -> Result<T, KmsError> + Send + 'static,
    ) -> Result<T, KmsError> {
        let pin = (self.pin)().map_err(KmsError::Unavailable)?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |conversations: &mut Conversations| {
            // Skips tasks whose callers no longer wait. A token that hung would otherwise get all of them at once.
            if !answer.is_closed() {
                // The send fails only if the caller has stopped waiting.
                let _ = answer.send(conversations.hold(pin, task));
            }
        });
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

#[async_trait]
impl Service for Pkcs11 {
    async fn encrypt(&self, key: &[u8; KEY_LENGTH]) -> Result<String, KmsError> {
        let (object, plaintext) = (self.address.object.clone(), Zeroizing::new(*key));
        let encrypt = move |session: &Session| key::encrypt(session, &object, &plaintext);
        let ciphertext = self.ask(encrypt).await?;
        let encrypted = ciphertext.to_string();
        // Some modules ignore the given IV and use their own. Nobody can decrypt such a ciphertext, so test it now.
        let decrypted = self.ask(move |session| key::decrypt(session, &ciphertext));
        if *decrypted.await? == key[..] {
            return Ok(encrypted);
        }
        Err(KmsError::Refused(
            "it decrypts something else than it has encrypted; an RSA key may work".to_owned(),
        ))
    }

    async fn decrypt(&self, ciphertext: &str) -> Result<SecretString, KmsError> {
        let ciphertext = Ciphertext::parse(ciphertext)?;
        let decrypted = self.ask(move |session| key::decrypt(session, &ciphertext));
        let key = decrypted.await?;
        Ok(SecretString::from(BASE64_STANDARD.encode(&*key)))
    }
}
