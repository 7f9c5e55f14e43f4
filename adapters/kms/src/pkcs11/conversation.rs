//! Talks to the token. Each request is one conversation: initialise, log in, use the key, log out, finalise. No session
//! outlives its request, so a token that was unplugged or replaced works at the next request.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use secrecy::{ExposeSecret as _, SecretString};

use super::judgement::judge;
use super::uri::{KeyAddress, TokenName};
use crate::KmsError;

/// Holds conversations, one at a time.
pub(super) struct Conversations {
    address: KeyAddress,
    /// The vendor's library, once it is loaded. It is never unloaded: unloading crashes libraries that run threads.
    module: Option<Pkcs11>,
    /// The last PIN that the token rejected. It is not sent again, because tokens lock after a few wrong PINs.
    rejected: Option<SecretString>,
}

impl Conversations {
    pub(super) const fn new(address: KeyAddress) -> Self {
        Self {
            address,
            module: None,
            rejected: None,
        }
    }

    /// Performs one task on the token.
    pub(super) fn hold<T>(
        &mut self,
        pin: SecretString,
        task: impl FnOnce(&Session) -> Result<T, KmsError>,
    ) -> Result<T, KmsError> {
        let module = self.module()?;
        let flags = CInitializeFlags::OS_LOCKING_OK;
        match module.initialize(CInitializeArgs::new(flags)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(judge(error)),
        }
        let done = self.with_session(&module, pin, task);
        // If this fails, the module stays initialised. The next conversation accepts an initialised module.
        let _ = module.finalize();
        done
    }

    fn module(&mut self) -> Result<Pkcs11, KmsError> {
        if let Some(module) = &self.module {
            return Ok(module.clone());
        }
        let module = Pkcs11::new(&self.address.module).map_err(judge)?;
        Ok(self.module.insert(module).clone())
    }

    fn with_session<T>(
        &mut self,
        module: &Pkcs11,
        pin: SecretString,
        task: impl FnOnce(&Session) -> Result<T, KmsError>,
    ) -> Result<T, KmsError> {
        let (slot, token) = self.token(module)?;
        let session = module.open_ro_session(slot).map_err(judge)?;
        self.log_in(&session, &token, pin)?;
        let done = task(&session);
        // Closing the session logs out as well.
        let _ = session.logout();
        done
    }

    /// Finds the configured token. If it is unplugged or unreachable, a retry may succeed.
    fn token(&self, module: &Pkcs11) -> Result<(Slot, TokenInfo), KmsError> {
        let slots = module.get_slots_with_token().map_err(judge)?;
        let tokens = slots.into_iter().filter_map(|slot| {
            // A token without readable token info cannot be matched, so it is skipped.
            let info = module.get_token_info(slot).ok()?;
            let is_meant = match &self.address.token {
                TokenName::Label(label) => info.label() == label,
                TokenName::Slot(id) => slot.id() == *id,
            };
            (is_meant && info.token_initialized()).then_some((slot, info))
        });
        let mut tokens: Vec<_> = tokens.collect();
        match tokens.len() {
            0 => Err(KmsError::Unavailable("the token is not there".to_owned())),
            1 => Ok(tokens.remove(0)),
            _ => {
                let problem = "several tokens have this label; name one by slot-id";
                Err(KmsError::Refused(problem.to_owned()))
            }
        }
    }

    /// Logs in. Does not send a PIN that the token has rejected before. Sends no PIN at all if one more wrong PIN would
    /// lock the token.
    fn log_in(
        &mut self,
        session: &Session,
        token: &TokenInfo,
        pin: SecretString,
    ) -> Result<(), KmsError> {
        let refuse = |why: &str| Err(KmsError::Pin(why.to_owned()));
        if !token.login_required() {
            return Ok(());
        }
        let is_rejected = |rejected: &SecretString| rejected.expose_secret() == pin.expose_secret();
        if self.rejected.as_ref().is_some_and(is_rejected) {
            return refuse("it has rejected this PIN before");
        }
        if token.user_pin_locked() {
            return refuse("its PIN is locked");
        }
        if token.user_pin_final_try() {
            return refuse("one more wrong PIN would lock it; log in once with another program");
        }
        let logged_in = match session.login(UserType::User, Some(&pin)) {
            // The logout of an earlier session failed.
            Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            other => other.map_err(judge),
        };
        if matches!(logged_in, Err(KmsError::Pin(_))) {
            self.rejected = Some(pin);
        }
        logged_in
    }
}
