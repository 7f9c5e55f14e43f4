//! A body that goes out in time or not at all.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use central_oauth_domain::ports::Clock;
use http_body::{Body, Frame, SizeHint};

use crate::deadline::Deadline;

/// A process may be stopped, or its machine suspended, between the moment at which it was sure that a refresh token or a
/// code was its own to present and the moment at which the connection takes it. When it runs on, others may have presented
/// it, and a server that sees it once more may end the grant. One that was long in connecting would not wait for the answer.
pub(super) struct InTime {
    body: String,
    send_by: Deadline,
    clock: Arc<dyn Clock>,
}

/// The request was not sent.
#[derive(Debug, thiserror::Error)]
#[error("the connection came too late for an answer")]
pub(super) struct Late;

impl InTime {
    /// A body of a call that has this deadline: half of the time is for the answer.
    pub(super) fn new(body: String, deadline: Deadline, clock: Arc<dyn Clock>) -> Self {
        Self {
            body,
            send_by: deadline.half(),
            clock,
        }
    }
}

impl Body for InTime {
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
