//! No answer, and what that may mean.

use std::error::Error;

use central_oauth_domain::ports::{ProviderError, RefreshError};

use super::in_time::Late;
use super::transport;

/// Why there is no answer, and whether the request may have arrived all the same.
pub(crate) struct Unanswered {
    pub(crate) cause: ProviderError,
    may_have_arrived: bool,
    is_unreachable: bool,
}

impl Unanswered {
    /// Whether nobody could be connected to at the endpoint's address.
    pub(crate) const fn is_unreachable(&self) -> bool {
        self.is_unreachable
    }

    /// Whatever happens once the request is on its way leaves open how far it got.
    pub(super) const fn after_sending(cause: ProviderError) -> Self {
        Self {
            cause,
            may_have_arrived: true,
            is_unreachable: false,
        }
    }

    /// A name that does not resolve, a refused connection, a failed handshake, a body held back: nothing was sent yet.
    pub(super) fn by_transport(error: reqwest::Error) -> Self {
        let was_sent = !(error.is_connect() || error.is_builder() || is_late(&error));
        Self {
            may_have_arrived: was_sent,
            is_unreachable: error.is_connect(),
            cause: transport::unavailable(error),
        }
    }
}

fn is_late(error: &reqwest::Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.any(|cause| cause.is::<Late>())
}

impl From<ProviderError> for Unanswered {
    /// A request that could not be made.
    fn from(cause: ProviderError) -> Self {
        Self {
            cause,
            may_have_arrived: false,
            is_unreachable: false,
        }
    }
}

impl From<transport::ClientUnavailable> for Unanswered {
    fn from(error: transport::ClientUnavailable) -> Self {
        ProviderError::from(error).into()
    }
}

impl From<Unanswered> for ProviderError {
    fn from(unanswered: Unanswered) -> Self {
        unanswered.cause
    }
}

impl From<Unanswered> for RefreshError {
    fn from(unanswered: Unanswered) -> Self {
        Self {
            cause: unanswered.cause,
            may_have_acted: unanswered.may_have_arrived,
        }
    }
}
