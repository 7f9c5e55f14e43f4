//! A missing response, and whether the request may have arrived.

use std::error::Error;

use central_oauth_domain::ports::{ProviderError, RefreshError};

use super::timely_body::Late;
use super::transport;

/// Why there is no response, and whether the request may have arrived.
pub(crate) struct Unanswered {
    pub(crate) cause: ProviderError,
    may_have_arrived: bool,
    /// Whether the connection to the endpoint failed.
    pub(crate) is_unreachable: bool,
}

impl Unanswered {
    /// Creates the error for a request that was sent, so it may have arrived.
    pub(super) const fn after_sending(cause: ProviderError) -> Self {
        Self {
            cause,
            may_have_arrived: true,
            is_unreachable: false,
        }
    }

    /// Converts a transport error. The request was not sent if the name did not resolve, the connection was refused,
    /// the handshake failed, or the body was held back.
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
    /// The request could not be built, so it was not sent.
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
