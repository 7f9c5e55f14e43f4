//! Answers requests over HTTP/1.1.
//!
//! poem's own server keeps a copy of each response until the client has read it, and buffers up to 400 KiB of headers
//! per request. With thousands of connections, either can exhaust the memory.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use poem::listener::Acceptor;
use poem::{Endpoint, IntoEndpoint, IntoResponse, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::connections::{Accepted, GuardedAcceptor};

/// Maximum size in bytes of a request's headers, and of the buffered part of a response.
const BUFFER: usize = 64 * 1024;

/// Answers requests until `stop` completes, then waits up to `grace` for the running requests. Allows `most`
/// connections at a time.
pub async fn serve(
    acceptor: impl Acceptor,
    most: usize,
    app: impl IntoEndpoint<Endpoint: 'static>,
    stop: impl Future<Output = ()>,
    grace: Duration,
) {
    let mut acceptor = GuardedAcceptor::new(acceptor, most);
    let app = Arc::new(app.into_endpoint());
    // Every connection has a receiver. A value tells the connection to finish; dropping the sender tells it to stop.
    let (finish, finishing) = watch::channel(());
    let mut stop = pin!(stop);
    while let Either::Right((accepted, _)) = select(stop.as_mut(), pin!(acceptor.accept())).await {
        tokio::spawn(answer(accepted, Arc::clone(&app), finishing.clone()));
    }
    drop((acceptor, finishing));
    // An error means that no connection is left.
    let _ = finish.send(());
    let _ = timeout(grace, finish.closed()).await;
}

async fn answer<Io, App>(accepted: Accepted<Io>, app: Arc<App>, mut finishing: watch::Receiver<()>)
where
    Io: AsyncRead + AsyncWrite + Unpin,
    App: Endpoint<Output: IntoResponse>,
{
    let Accepted {
        stream,
        connection,
        ends,
    } = accepted;
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (local, remote, scheme) = ends.clone();
        let mut request = Request::from((request, local, remote, scheme));
        request.set_data(Arc::clone(&connection));
        let app = &app;
        async move { Ok::<hyper::Response<_>, Infallible>(app.get_response(request).await.into()) }
    });
    let connection = http1::Builder::new()
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // Connection errors are not logged, because clients cause them.
    let is_over = match select(connection.as_mut(), pin!(finishing.changed())).await {
        Either::Left(_) => true,
        Either::Right(_) => false,
    };
    if !is_over {
        connection.as_mut().graceful_shutdown();
        select(connection, pin!(finishing.changed())).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use hyper::body::Bytes;
    use poem::endpoint::make_sync;
    use poem::listener::{Listener as _, TcpListener};
    use poem::{Body, Route};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;
    use tokio::time::sleep;

    use super::*;

    const GRACE: Duration = Duration::from_secs(1);

    #[derive(Clone)]
    struct File(Arc<Vec<u8>>);

    impl AsRef<[u8]> for File {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    /// Requests a file that is larger than the buffers of the system, and waits for the first byte of the response.
    async fn ask(file: &File, stop: impl Future<Output = ()> + Send + 'static) -> TcpStream {
        let file = file.clone();
        let app = Route::new().at(
            "/",
            make_sync(move |_| Body::from_bytes(Bytes::from_owner(file.clone()))),
        );
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await;
        let acceptor = acceptor.unwrap();
        let at = *acceptor.local_addr()[0].as_socket_addr().unwrap();
        tokio::spawn(serve(acceptor, 10, app, stop, GRACE));
        let mut connection = TcpStream::connect(at).await.unwrap();
        let get = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        connection.write_all(get).await.unwrap();
        connection.read_u8().await.unwrap();
        connection
    }

    fn large() -> File {
        File(Arc::new(vec![0; 64 << 20]))
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_is_not_copied() {
        let file = large();
        let unread = ask(&file, pending()).await;
        sleep(GRACE / 4).await;
        // Three owners are left: this test, the app, and the response that waits for its reader.
        assert_eq!(Arc::strong_count(&file.0), 3);
        drop(unread);
    }

    #[tokio::test]
    async fn running_answers_are_finished_within_the_grace_period() {
        let file = large();
        let (stop, stopped) = oneshot::channel::<()>();
        let mut reading = ask(&file, async { _ = stopped.await }).await;
        drop(stop);
        let mut answer = Vec::new();
        reading.read_to_end(&mut answer).await.unwrap();
        assert!(answer.len() > file.0.len());

        let (stop, stopped) = oneshot::channel::<()>();
        let unread = ask(&file, async { _ = stopped.await }).await;
        drop(stop);
        sleep(GRACE * 2).await;
        assert_eq!(Arc::strong_count(&file.0), 1, "the answer goes on");
        drop(unread);
    }
}
