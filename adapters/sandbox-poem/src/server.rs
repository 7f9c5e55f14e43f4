//! Starting and stopping.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::Server;
use poem::listener::TcpAcceptor;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app::{self, App, Endpoints};
use crate::clock;
use crate::faults::{Faults, Watched};
use crate::model::{Ledger, Person, UserCode};
use crate::options::SandboxOptions;

/// Timeout of running requests on shutdown.
const GRACE: Duration = Duration::from_secs(2);

/// A running sandbox. Dropping it stops it without waiting.
pub struct Sandbox {
    app: Arc<App>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

impl Sandbox {
    /// Starts a sandbox and listens.
    ///
    /// # Errors
    /// If the address is not a loopback address or cannot be bound.
    pub async fn start(options: SandboxOptions) -> io::Result<Self> {
        options.check()?;
        let listener = TcpListener::bind(options.listen).await?;
        let endpoints = Endpoints::below(&format!("http://{}", listener.local_addr()?));
        let acceptor = TcpAcceptor::from_tokio(listener)?;
        let app = App::new(options, endpoints, clock::monotonic());
        let witness = Arc::clone(&app);
        let on_end = move |connection| witness.closed(connection);
        let acceptor = Watched::new(acceptor, Arc::clone(&app.lines), on_end);
        let routes = app::routes(Arc::clone(&app));
        let (stop, stopped) = oneshot::channel::<()>();
        // Also ends if the sender is dropped, so a forgotten sandbox stops.
        let signal = async move { drop(stopped.await) };
        let server = Server::new_with_acceptor(acceptor)
            .name("sandbox")
            .run_with_graceful_shutdown(routes, signal, Some(GRACE));
        Ok(Self {
            app,
            stop,
            server: tokio::spawn(server),
        })
    }

    /// Returns its address without a trailing slash: `http://127.0.0.1:40123`. This is also the issuer.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.app.endpoints.issuer
    }

    /// Returns its endpoints.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.app.endpoints
    }

    /// Returns the faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.app.faults
    }

    /// Returns the current ledger, if one is kept ([`SandboxOptions::keep_ledger`]).
    #[must_use]
    pub fn ledger(&self) -> Option<Ledger> {
        self.app.state().ledger.clone()
    }

    /// Returns the ledger's number of the open connection from this address; `None` before it is accepted.
    #[must_use]
    pub fn connection_from(&self, address: SocketAddr) -> Option<u64> {
        self.app.lines.from(&address).map(|line| line.number)
    }

    /// Lets a person (`sub`) consent to the flow of a user code instead of the automatic one. Returns false if no such
    /// flow waits for its client.
    #[must_use]
    pub fn consent_as(&self, user_code: &str, person: &str) -> bool {
        let (code, person) = (UserCode::parse(user_code), Person::of_subject(person));
        let (Some(code), Some(person)) = (code, person) else {
            return false;
        };
        let now = self.app.now();
        self.app.state().flows.consent_as(&code, person, now)
    }

    /// Returns the time since the start, as in the ledger.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.app.now()
    }

    /// Stops listening, finishes running requests, and forgets everything.
    ///
    /// # Errors
    /// If the server had failed.
    pub async fn stop(self) -> io::Result<()> {
        // If the server has already ended, joining it returns why.
        let _ = self.stop.send(());
        self.server.await?
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    async fn get(address: SocketAddr, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    fn address(sandbox: &Sandbox) -> SocketAddr {
        let digits = sandbox.base_url().trim_start_matches("http://");
        digits
            .parse()
            .unwrap_or_else(|error| panic!("{digits}: {error}"))
    }

    #[tokio::test]
    async fn serves_until_it_is_stopped() {
        let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
        let address = address(&sandbox);
        let path = "/.well-known/oauth-authorization-server";
        let metadata = get(address, path).await.unwrap();
        assert!(metadata.starts_with("HTTP/1.1 200"), "{metadata}");
        assert!(metadata.contains(&sandbox.endpoints().token), "{metadata}");

        // A browser's open connection must not delay the shutdown.
        let idle = TcpStream::connect(address).await.unwrap();
        let stopping = tokio::time::timeout(2 * GRACE, sandbox.stop());
        stopping.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
        drop(idle);
    }

    #[tokio::test]
    async fn a_dropped_sandbox_stops_too() {
        let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
        let address = address(&sandbox);
        drop(sandbox);
        for _ in 0..100 {
            if TcpStream::connect(address).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("still listening on {address}");
    }

    #[tokio::test]
    async fn listens_on_loopback_only() {
        let options = SandboxOptions {
            listen: SocketAddr::from(([0, 0, 0, 0], 0)),
            ..SandboxOptions::default()
        };
        let refused = Sandbox::start(options).await.map(|_| ());
        let kind = refused.map_err(|error| error.kind());
        assert_eq!(kind, Err(io::ErrorKind::InvalidInput));
    }
}
