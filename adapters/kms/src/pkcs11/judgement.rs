//! Maps errors of a PKCS#11 module to [`KmsError`].

use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};

use crate::KmsError;
use crate::client::one_line;

/// Decides whether the same request may succeed later, and whether the PIN may be sent again.
pub(super) fn judge(error: Error) -> KmsError {
    match error {
        Error::Pkcs11(problem, function) => {
            let words = format!("C_{function:?}: {problem:x?}");
            match function {
                Function::Login => judge_login(problem, words),
                _ => judge_use(problem, function, words),
            }
        }
        // The module is not a PKCS#11 library, or this program cannot load it.
        other => KmsError::Refused(one_line(&other.to_string())),
    }
}

/// Judges an error of `C_Login`. A vendor-defined code may mean a wrong PIN, so it counts as a wrong PIN. It is better
/// to stop and ask the operator than to let further attempts lock or erase the HSM.
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

/// Judges an error of any function except `C_Login`.
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
        // SoftHSM returns this for a modified ciphertext, other modules for a temporary failure.
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
