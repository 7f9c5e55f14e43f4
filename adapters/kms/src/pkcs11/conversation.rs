//! One request, one conversation with the token: load, initialise, log in, use the key, log out, finalise. Nothing is kept in
//! between, so a token that went away and came back, or was replaced, needs no care.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use secrecy::{ExposeSecret as _, SecretString};

use super::uri::{KeyAddress, TokenName};
use super::{Done, Task, key};
use crate::KmsError;
use crate::client::one_line;

/// Holds conversations, one at a time.
pub(super) struct Conversations {
    address: KeyAddress,
    /// The library, once it is loaded. It is never unloaded, because libraries with threads of their own crash then.
    module: Option<Pkcs11>,
    /// The PIN that the token has rejected. It is not sent again: tokens lock after a few wrong PINs.
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

    /// Has the token do one task.
    pub(super) fn hold(&mut self, pin: SecretString, task: Task) -> Result<Done, KmsError> {
        let module = self.module()?;
        let flags = CInitializeFlags::OS_LOCKING_OK;
        match module.initialize(CInitializeArgs::new(flags)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(judge(error)),
        }
        let done = self.with_session(&module, pin, task);
        // If this fails, the module is still initialised for the next conversation.
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

    fn with_session(
        &mut self,
        module: &Pkcs11,
        pin: SecretString,
        task: Task,
    ) -> Result<Done, KmsError> {
        let (slot, token) = self.token(module)?;
        let session = module.open_ro_session(slot).map_err(judge)?;
        self.log_in(&session, &token, pin)?;
        let done = match task {
            Task::Encrypt { object, key } => {
                key::encrypt(&session, &object, &key).map(Done::Encrypted)
            }
            Task::Decrypt(ciphertext) => key::decrypt(&session, &ciphertext).map(Done::Decrypted),
        };
        // Closing the session logs out as well.
        let _ = session.logout();
        done
    }

    /// Finds the token, which may have been pulled out or be out of reach.
    fn token(&self, module: &Pkcs11) -> Result<(Slot, TokenInfo), KmsError> {
        let slots = module.get_slots_with_token().map_err(judge)?;
        let tokens = slots.into_iter().filter_map(|slot| {
            // A token that says nothing about itself is none that could be meant.
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

    /// Logs in, unless that could lock the token.
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
            // An earlier session could not log out.
            Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            other => other.map_err(judge),
        };
        if matches!(logged_in, Err(KmsError::Pin(_))) {
            self.rejected = Some(pin);
        }
        logged_in
    }
}

/// Decides whether the same request may succeed later.
pub(super) fn judge(error: Error) -> KmsError {
    match error {
        Error::Pkcs11(problem, function) => {
            let words = format!("C_{function:?}: {problem:x?}");
            match function {
                Function::Login => judge_login(problem, words),
                _ => judge_use(problem, function, words),
            }
        }
        // The module is no PKCS#11 library, or does not fit this program.
        other => KmsError::Refused(one_line(&other.to_string())),
    }
}

/// Judges an error of `C_Login`. A code of the vendor may mean a wrong PIN, so it counts as one: an HSM that was locked or
/// erased is worse than a service that asks its operator.
fn judge_login(problem: RvError, words: String) -> KmsError {
    use RvError::{
        ActionProhibited, ArgumentsBad, FunctionNotSupported, PinExpired, PinIncorrect, PinInvalid,
        PinLenRange, PinLocked, PinTooWeak, UnknownErrorCode, UserPinNotInitialized,
        UserTypeInvalid, VendorDefined,
    };
    match problem {
        ArgumentsBad
        | PinExpired
        | PinIncorrect
        | PinInvalid
        | PinLenRange
        | PinLocked
        | PinTooWeak
        | UserPinNotInitialized => KmsError::Pin(words),
        VendorDefined(_) | UnknownErrorCode(_) => {
            KmsError::Pin(format!("{words}, a code of the vendor"))
        }
        ActionProhibited | FunctionNotSupported | UserTypeInvalid => KmsError::Refused(words),
        _ => KmsError::Unavailable(words),
    }
}

/// Judges an error of any other function.
fn judge_use(problem: RvError, function: Function, words: String) -> KmsError {
    use RvError::{
        EncryptedDataInvalid, EncryptedDataLenRange, FunctionNotSupported, GeneralError,
        KeyFunctionNotPermitted, KeySizeRange, KeyTypeInconsistent, MechanismInvalid,
        MechanismParamInvalid,
    };
    match problem {
        EncryptedDataInvalid
        | EncryptedDataLenRange
        | FunctionNotSupported
        | KeyFunctionNotPermitted
        | KeySizeRange
        | KeyTypeInconsistent
        | MechanismInvalid
        | MechanismParamInvalid => KmsError::Refused(words),
        // SoftHSM says this of a changed ciphertext; others say it when they cannot work at the moment.
        GeneralError if matches!(function, Function::Decrypt) => {
            KmsError::Unavailable(format!("{words}; the wrapped key may be damaged"))
        }
        _ => KmsError::Unavailable(words),
    }
}

#[cfg(test)]
mod tests {
    use RvError::*;

    use super::*;

    #[test]
    fn a_login_that_cannot_succeed_is_not_tried_again() {
        let judged = |problem| judge(Error::Pkcs11(problem, Function::Login));
        for problem in [
            PinIncorrect,
            PinInvalid,
            PinLenRange,
            PinExpired,
            PinLocked,
            PinTooWeak,
            UserPinNotInitialized,
            ArgumentsBad,
            VendorDefined(0x8000_0123),
            UnknownErrorCode(0x7fff),
        ] {
            let judged = judged(problem);
            assert!(matches!(judged, KmsError::Pin(_)), "{judged}");
        }
        for problem in [UserTypeInvalid, FunctionNotSupported, ActionProhibited] {
            let judged = judged(problem);
            assert!(matches!(judged, KmsError::Refused(_)), "{judged}");
        }
        for problem in [
            GeneralError,
            FunctionFailed,
            FunctionCanceled,
            HostMemory,
            DeviceError,
            DeviceMemory,
            DeviceRemoved,
            TokenNotPresent,
            SessionClosed,
            SessionHandleInvalid,
            CryptokiNotInitialized,
            OperationActive,
        ] {
            let judged = judged(problem);
            assert!(matches!(judged, KmsError::Unavailable(_)), "{judged}");
        }
        let said = judged(VendorDefined(0x8000_0123)).to_string();
        let code = "C_Login: VendorDefined(80000123), a code of the vendor";
        assert!(said.contains(code), "{said}");
    }

    #[test]
    fn what_no_retry_mends_is_told_from_an_outage() {
        let judged = |problem, function| judge(Error::Pkcs11(problem, function));
        for problem in [
            EncryptedDataInvalid,
            KeyFunctionNotPermitted,
            KeyTypeInconsistent,
            MechanismInvalid,
            FunctionNotSupported,
        ] {
            let judged = judged(problem, Function::Decrypt);
            assert!(matches!(judged, KmsError::Refused(_)), "{judged}");
        }
        for problem in [GeneralError, DeviceRemoved, VendorDefined(0x8000_0123)] {
            let judged = judged(problem, Function::Decrypt);
            assert!(matches!(judged, KmsError::Unavailable(_)), "{judged}");
        }
    }
}
