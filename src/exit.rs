//! Exit codes, which scripts rely on.

use std::error::Error;
use std::fmt;

use central_oauth_domain::causes::with_causes;
use central_oauth_kms::KmsError;

/// Defines the exit codes, with their meanings in `--help`.
macro_rules! exits {
    ($($name:ident = $code:literal $meaning:literal,)+) => {
        /// The exit code of a command.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Exit {
            $($name = $code,)+
        }

        impl Exit {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Returns the description of the code for `--help`.
            pub(crate) const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)+
                }
            }
        }
    };
}

exits! {
    Done = 0 "success",
    Other = 1 "any other failure; the message says what failed",
    Usage = 2 "the command line is wrong",
    NoKey = 3 "no usable access key: not linked yet, or the key is unknown, expired or revoked",
    Denied = 4 "a person declined",
    Expired = 5 "the link code expired",
    LinkFailed = 6 "the link failed",
    RelinkRequired = 7 "a person must consent again: run central-oauth link --relink",
    Unavailable = 8 "the service or the provider cannot be reached; try again later",
    Tampered = 9 "the audit log was changed outside the service",
    WrongPin = 10 "the PKCS#11 token rejects the PIN: correct the PIN before you try again, because wrong tries lock the token",
    CannotExecute = 126 "exec found the command and cannot run it",
    CommandNotFound = 127 "exec did not find the command",
}

/// Why a command failed: one line for the person, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Exit,
    message: String,
    is_printed: bool,
}

impl Failure {
    pub(crate) fn new(code: Exit, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            is_printed: false,
        }
    }

    /// Marks the failure as printed, so that it is not printed again.
    pub(crate) fn printed(self) -> Self {
        Self {
            is_printed: true,
            ..self
        }
    }

    /// Whether the failure has not been printed yet.
    pub(crate) const fn needs_printing(&self) -> bool {
        !self.is_printed
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Puts all causes of an error in one line.
impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let code = match is_wrong_pin(&error) {
            true => Exit::WrongPin,
            false => Exit::Other,
        };
        Self::new(code, with_causes(&error))
    }
}

fn is_wrong_pin(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.any(|cause| matches!(cause.downcast_ref(), Some(KmsError::Pin(_))))
}
