//! A request body that is sent in time or not at all.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use central_oauth_domain::ports::Clock;
use http_body::{Body, Frame, SizeHint};

use crate::deadline::Deadline;

/// A body that is sent within half of the timeout, or not at all. The process or its machine may be suspended between
/// the decision to send a refresh token or code and the sending. When it resumes, another process may have sent the
/// same token, and a server may end the grant on reuse. The limit also leaves time for the response on a slow
/// connection.
pub(super) struct TimelyBody {
    body: String,
    send_by: Deadline,
    clock: Arc<dyn Clock>,
}

/// The request was not sent.
#[derive(Debug, thiserror::Error)]
#[error("the connection took too long; the request was not sent")]
pub(super) struct Late;

impl TimelyBody {
    /// Creates the body for a call with this deadline. Half of the remaining time is left for the response.
    pub(super) fn new(body: String, deadline: Deadline, clock: Arc<dyn Clock>) -> Self {
        Self {
            body,
            send_by: deadline.half(),
            clock,
        }
    }
}

impl Body for TimelyBody {
    type Data = <String as Body>::Data;
    type Error = Late;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Late>>> {
        if self.send_by.is_over(&*self.clock) {
            return Poll::Ready(Some(Err(Late)));
        }
        let frame = Pin::new(&mut self.body).poll_frame(context);
        frame.map_err(|never| match never {})
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
