use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use central_oauth_http_poem::{Certificate, TlsAcceptor};
use poem::IntoEndpoint;
use poem::listener::{Acceptor, Listener, TcpAcceptor, TcpListener};

use crate::descriptors::most_connections;
use crate::exit::{Exit, Failure};
use crate::runtime::{Stop, wait_for_stop};

/// Grace period of requests in progress after the stop signal.
const GRACE: Duration = Duration::from_secs(15);

/// Serves requests, with TLS if there is a certificate. When told to stop, finishes the requests in progress.
pub(crate) fn serve(
    acceptor: TcpAcceptor,
    certificate: Option<Arc<Certificate>>,
    app: impl IntoEndpoint<Endpoint: 'static> + Send + 'static,
    stopped: Stop,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    match certificate {
        None => Box::pin(answer(acceptor, app, stopped)),
        Some(certificate) => Box::pin(answer(
            TlsAcceptor::new(acceptor, certificate),
            app,
            stopped,
        )),
    }
}

async fn answer(
    acceptor: impl Acceptor + 'static,
    app: impl IntoEndpoint<Endpoint: 'static>,
    stopped: Stop,
) {
    let most = most_connections();
    central_oauth_http_poem::serve(acceptor, most, app, wait_for_stop(stopped), GRACE).await;
}

/// Listens on `address`. The error names the variable that selects another address.
pub(crate) async fn bind(
    address: SocketAddr,
    variable: &str,
) -> Result<(TcpAcceptor, SocketAddr), Failure> {
    let failed = |error: io::Error| {
        let message =
            format!("cannot listen on {address}: {error}; {variable} selects another address");
        Failure::new(Exit::Other, message)
    };
    let acceptor = TcpListener::bind(address)
        .into_acceptor()
        .await
        .map_err(failed)?;
    let bound = acceptor.local_addr();
    let bound = bound
        .iter()
        .find_map(|bound| bound.as_socket_addr().copied());
    Ok((acceptor, bound.unwrap_or(address)))
}
