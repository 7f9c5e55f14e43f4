//! Starts and stops a sandbox.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use poem::endpoint::BoxEndpoint;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::{Endpoint, Server};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app::{self, App, Endpoints};
use crate::clock;
use crate::model::{Person, UserCode};
use crate::options::SandboxOptions;
use crate::witness::Witness;

/// How long running requests may take after the shutdown begins.
const GRACE: Duration = Duration::from_secs(2);

/// A running sandbox. When it is dropped, it stops in the background.
pub struct Sandbox {
    app: Arc<App>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

impl Sandbox {
    /// Starts a sandbox and listens on a free port of loopback.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(options: SandboxOptions) -> io::Result<Self> {
        Self::start_watched(options, None, |acceptor| acceptor, |routes| routes).await
    }

    /// Starts a sandbox for tests that watch or disturb it. `listen` may wrap its connections, and `guard` its routes.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start_watched<A: Acceptor + 'static, E: Endpoint + 'static>(
        options: SandboxOptions,
        witness: Option<Arc<dyn Witness>>,
        listen: impl FnOnce(TcpAcceptor) -> A,
        guard: impl FnOnce(BoxEndpoint<'static>) -> E,
    ) -> io::Result<Self> {
        // The login needs no password, so other machines must not reach the sandbox.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoints = Endpoints::below(&format!("http://{}", listener.local_addr()?));
        let acceptor = listen(TcpAcceptor::from_tokio(listener)?);
        let app = App::new(options, endpoints, clock::monotonic(), witness);
        let routes = guard(app::routes(Arc::clone(&app)));
        let (stop, stopped) = oneshot::channel::<()>();
        // The signal also fires if the sender is dropped, so dropping the sandbox stops the server.
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

    /// Returns the issuer, which is the base URL without a trailing slash: `http://127.0.0.1:40123`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.app.endpoints.issuer
    }

    /// Returns the URLs of the sandbox.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.app.endpoints
    }

    /// Records that `person` (a `sub`) consents to the flow of a user code. Replaces an earlier consent, even an
    /// automatic one. Returns false if `person` is not a `sub` of the sandbox, or if the code is unknown, expired,
    /// declined or redeemed.
    #[must_use]
    pub fn consent_as(&self, user_code: &str, person: &str) -> bool {
        let (code, person) = (UserCode::parse(user_code), Person::of_subject(person));
        let (Some(code), Some(person)) = (code, person) else {
            return false;
        };
        let now = self.app.now();
        self.app.state().flows.consent_as(&code, person, now)
    }

    /// Stops listening, and waits up to 2 seconds for running requests.
    ///
    /// # Errors
    /// If the server failed.
    pub async fn stop(self) -> io::Result<()> {
        // This fails if the server has already ended. Joining the server then returns its error.
        let _ = self.stop.send(());
        self.server.await?
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

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
}
