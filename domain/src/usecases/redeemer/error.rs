use std::time::Duration;

use crate::fault::{Fault, FaultCode};
use crate::link::{Ending, Link};
use crate::ports::{CipherError, ProviderError};
use crate::time::Timestamp;
use crate::usecases::Refusal;

/// Why a consent was not redeemed, or its person not identified.
#[derive(Debug, thiserror::Error)]
pub(super) enum RedeemError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The consent was given to another client id than the configured one. `is_alone` if no other running replica may
    /// have that client id.
    #[error(
        "the consent was given to another client id than the one that is configured now: link again"
    )]
    OtherClient { is_alone: bool },
}

impl RedeemError {
    /// Whether a retry may help.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            Self::Provider(error) => error.is_temporary(),
            Self::Refusal(refusal) => self.is_local() || matches!(refusal, Refusal::Store(_)),
            Self::OtherClient { is_alone } => !is_alone,
        }
    }

    /// Whether the configuration of this replica kept it from sending a request. During a rollout, another replica may
    /// have the provider, its client id, or the secret key that sealed the consent.
    pub(super) const fn is_local(&self) -> bool {
        matches!(
            self,
            Self::Refusal(
                Refusal::ProviderNotConfigured(_) | Refusal::Cipher(CipherError::UnknownKey)
            ) | Self::OtherClient { is_alone: false }
        )
    }

    /// Whether a link that holds tokens ends at once, instead of being retried until its deadline: the ID token is
    /// invalid, or no replica has the client id to which the person consented.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::OtherClient { is_alone: true })
            || matches!(self, Self::Provider(error) if error.is_invalid_id_token())
    }

    /// Returns how long the provider asks to wait before a retry, if it does.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Provider(error) => error.retry_after(),
            Self::Refusal(_) | Self::OtherClient { .. } => None,
        }
    }

    /// Whether the link has expired, although the error does not say so: some servers return `invalid_grant` for an
    /// expired device code.
    pub(super) fn is_late(&self, link: &Link, soon: Timestamp) -> bool {
        let code = match self {
            Self::Provider(ProviderError::Refused { code, .. }) => code.as_str(),
            _ => return false,
        };
        *code == *FaultCode::InvalidGrant && link.is_past_deadline(soon)
    }

    /// Returns the fault of a refusal after an earlier response was lost. A code can be redeemed once (RFC 6749 section
    /// 4.1.2), so the person has to consent again.
    pub(super) fn fault_after_lost_response(self) -> Fault {
        match self {
            Self::Provider(error @ ProviderError::Refused { .. }) => {
                let words = format!(
                    "the provider's first response was lost, and a consent can be redeemed only once: link again \
                     ({error})"
                );
                Fault::new(FaultCode::ResponseLost, words)
            }
            other => other.into_fault(),
        }
    }

    /// Returns the ending of a link whose consent no replica could redeem in time.
    pub(super) fn ending_at_deadline(self) -> Ending {
        match self {
            Self::OtherClient { .. } => Ending::Failed(self.into_fault()),
            _ => Ending::Expired,
        }
    }

    pub(super) fn into_fault(self) -> Fault {
        match self {
            Self::Provider(error) => Fault::new(FaultCode::ProviderError, error.to_string()),
            Self::Refusal(refusal) => Fault::new(FaultCode::InternalError, refusal.to_string()),
            Self::OtherClient { .. } => Fault::new(FaultCode::ClientChanged, self.to_string()),
        }
    }
}

impl From<CipherError> for RedeemError {
    fn from(error: CipherError) -> Self {
        Self::Refusal(error.into())
    }
}
