//! The sandbox of `central-oauth dev`, watched and disturbed: for tests of refresh tokens.
//!
//! A [`Ledger`] records every use of every refresh token and the outcome of the response, and [`Faults`] lose, delay or
//! garble responses after the rules have run.

mod faults;
mod gate;
mod ledger;
mod lines;
mod plan;
#[cfg(test)]
mod tests;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_sandbox_poem as plain;
use poem::{EndpointExt as _, Request};

pub use central_oauth_sandbox_poem::{AutoPerson, Reuse, SandboxOptions};
pub use faults::Faults;
pub use ledger::{
    AccessTokenEntry, Delivery, Ledger, Presentation, RefreshOutcome, TokenMark, TurnedAway,
};
pub use plan::{Fault, Illness, Odds, Place};

use lines::Watched;
use watch::Watch;

/// A running sandbox with a ledger and faults.
pub struct Sandbox {
    plain: plain::Sandbox,
    watch: Arc<Watch>,
}

impl Sandbox {
    /// Starts a sandbox and listens on a free port of loopback.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(options: SandboxOptions) -> io::Result<Self> {
        let watch = Arc::new(Watch::default());
        let (acceptors, gates) = (Arc::clone(&watch), Arc::clone(&watch));
        let plain = plain::Sandbox::start_watched(
            options,
            Some(Arc::clone(&watch) as _),
            |acceptor| Watched::new(acceptor, acceptors),
            |routes| {
                routes.around(move |next, request: Request| {
                    gate::pass(Arc::clone(&gates), next, request)
                })
            },
        );
        Ok(Self {
            plain: plain.await?,
            watch,
        })
    }

    /// Returns the faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.watch.faults
    }

    /// Returns a copy of the ledger.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.watch.ledger().clone()
    }

    /// Returns the number in the ledger of the open connection from this address; `None` before the connection is
    /// accepted.
    #[must_use]
    pub fn connection_from(&self, address: SocketAddr) -> Option<u64> {
        self.watch.lines.from(&address).map(|line| line.number)
    }

    /// Returns the time since the start, as in the ledger.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.watch.now()
    }

    /// Stops listening, finishes running requests, and forgets everything.
    ///
    /// # Errors If the server failed.
    pub async fn stop(self) -> io::Result<()> {
        self.plain.stop().await
    }
}

impl Deref for Sandbox {
    type Target = plain::Sandbox;

    fn deref(&self) -> &Self::Target {
        &self.plain
    }
}
