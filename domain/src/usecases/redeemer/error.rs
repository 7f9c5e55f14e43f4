//! Why a redemption brought no usable response.

use std::time::Duration;

use crate::fault::{Fault, FaultCode};
use crate::link::Link;
use crate::ports::{CipherError, ProviderError};
use crate::time::Timestamp;
use crate::usecases::Refusal;

/// The provider gave no response, or one that could not be handled.
#[derive(Debug, thiserror::Error)]
pub(super) enum RedeemError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Refusal(#[from] Refusal),
}

impl RedeemError {
    /// Whether a retry may help.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Provider(error) => error.is_passing(),
            Self::Refusal(refusal) => {
                self.is_left_to_others() || matches!(refusal, Refusal::Store(_))
            }
        }
    }

    /// Whether nothing was sent because this replica cannot. While a configuration is rolled out, another one may have the
    /// provider, or the secret key that sealed the consent.
    pub(super) const fn is_left_to_others(&self) -> bool {
        matches!(
            self,
            Self::Refusal(
                Refusal::ProviderNotConfigured(_) | Refusal::Cipher(CipherError::UnknownKey)
            )
        )
    }

    /// Whether it is an invalid ID token.
    pub(super) fn is_a_forgery(&self) -> bool {
        matches!(self, Self::Provider(ProviderError::Refused { code, .. }) if code == ProviderError::INVALID_ID_TOKEN)
    }

    /// When the provider allows a retry, if it said so.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Provider(error) => error.retry_after(),
            Self::Refusal(_) => None,
        }
    }

    /// Some servers call an expired device code `invalid_grant`.
    pub(super) fn is_late(&self, link: &Link, soon: Timestamp) -> bool {
        let code = match self {
            Self::Provider(ProviderError::Refused { code, .. }) => code.as_str(),
            _ => return false,
        };
        *code == *FaultCode::InvalidGrant && link.is_past_deadline(soon)
    }

    /// Returns the fault of a refusal after an earlier response was lost. A code can be redeemed once (RFC 6749 section
    /// 4.1.2), so the person has to consent again.
    pub(super) fn after_a_lost_answer(self) -> Fault {
        match self {
            Self::Provider(error @ ProviderError::Refused { .. }) => {
                let words = format!(
                    "the provider's first response was lost, and a consent can be redeemed only once: link again \
                     ({error})"
                );
                Fault::new(FaultCode::AnswerLost, words)
            }
            other => other.into_fault(),
        }
    }

    /// Returns the fault to store.
    pub(super) fn into_fault(self) -> Fault {
        match self {
            Self::Provider(error) => Fault::new(FaultCode::ProviderError, error.to_string()),
            Self::Refusal(refusal) => Fault::new(FaultCode::InternalError, refusal.to_string()),
        }
    }
}

impl From<CipherError> for RedeemError {
    fn from(error: CipherError) -> Self {
        Self::Refusal(error.into())
    }
}
