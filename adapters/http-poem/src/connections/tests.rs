use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use poem::endpoint::ToDynEndpoint;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::{Endpoint, Route, endpoint};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::*;
use crate::middleware::Shell;
use crate::server;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

fn app(let_go: Arc<Notify>) -> impl Endpoint + 'static {
    let slow = endpoint::make(move |_| {
        let let_go = Arc::clone(&let_go);
        async move {
            let_go.notified().await;
            Ok::<_, poem::Error>("late")
        }
    });
    let large = endpoint::make_sync(|_| vec![0; 64 << 20]);
    Shell {
        routes: ToDynEndpoint(
            Route::new()
                .at("/", endpoint::make_sync(|_| "ok"))
                .at("/slow", slow)
                .at("/large", large),
        ),
        trusted_proxies: Vec::new(),
        requests: None,
        is_https: false,
    }
}

/// Serves until the test ends.
async fn serve(most: usize) -> (SocketAddr, Arc<Notify>) {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await;
    let acceptor = acceptor.unwrap();
    let at = *acceptor.local_addr()[0].as_socket_addr().unwrap();
    let let_go = Arc::new(Notify::new());
    let app = app(Arc::clone(&let_go));
    let server = server::serve(acceptor, most, app, pending(), ANSWER);
    tokio::spawn(server);
    (at, let_go)
}

async fn send(at: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(at).await.unwrap();
    connection.write_all(bytes).await.unwrap();
    connection
}

/// Returns all bytes that arrive until the service closes the connection.
async fn rest(connection: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    // A connection reset counts as closed too.
    let _ = connection.read_to_end(&mut all).await;
    all
}

async fn answer(at: SocketAddr) -> String {
    let asked = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut connection = send(at, asked).await;
    String::from_utf8(rest(&mut connection).await).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_arrive_is_given_up() {
    let (at, _) = serve(100).await;
    let parts: [&[u8]; 6] = [
        b"",
        b"GET / HT",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\ncode=",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n",
    ];
    for part in parts {
        let began = Instant::now();
        let mut connection = send(at, part).await;
        rest(&mut connection).await;
        let took = began.elapsed();
        let part = String::from_utf8_lossy(part);
        assert!(took >= REQUEST && took < REQUEST * 2, "{part:?}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_requests_is_closed() {
    let (at, _) = serve(100).await;
    let mut connection = send(at, GET).await;
    let began = Instant::now();
    let answered = rest(&mut connection).await;
    assert!(answered.ends_with(b"ok"));
    assert!(began.elapsed() >= IDLE && began.elapsed() < IDLE * 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_used_again() {
    let (at, _) = serve(100).await;
    let mut connection = TcpStream::connect(at).await.unwrap();
    for _ in 0..5 {
        connection.write_all(GET).await.unwrap();
        let mut answer = vec![0; 1024];
        let read = connection.read(&mut answer).await.unwrap();
        assert!(answer[..read].ends_with(b"ok"));
        tokio::time::sleep(IDLE / 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_reads_is_given_up() {
    let (at, _) = serve(1).await;
    let unread = send(at, b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    tokio::time::sleep(ANSWER * 2).await;
    assert!(answer(at).await.ends_with("ok"));
    drop(unread);
}

#[tokio::test]
async fn http_2_is_refused_at_once() {
    let (at, _) = serve(100).await;
    let mut connection = send(at, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let closed = timeout(REQUEST / 2, rest(&mut connection)).await;
    assert_eq!(closed, Ok(Vec::new()));
}

#[tokio::test]
async fn silent_connections_keep_nobody_out() {
    let (at, let_go) = serve(4).await;
    let mut working = send(
        at,
        b"GET /slow HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )
    .await;
    // The slow request is being processed before the other connections arrive.
    assert!(answer(at).await.ends_with("ok"));
    let mut silent = Vec::new();
    for number in 0..40 {
        let part: &[u8] = if number % 2 == 0 { b"" } else { b"GET / HT" };
        silent.push(send(at, part).await);
        let answered = timeout(Duration::from_secs(5), answer(at)).await;
        assert!(answered.unwrap().ends_with("ok"), "after {number}");
    }
    let_go.notify_one();
    assert!(rest(&mut working).await.ends_with(b"late"));
}

/// Several connections arrive before the service has read the first request.
#[tokio::test]
async fn a_request_that_has_arrived_is_answered_although_its_place_is_wanted() {
    use std::io::{Read as _, Write as _};

    let (at, _) = serve(1).await;
    let get = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\na=bc";
    // Blocking writes do not yield to the runtime, so the service sees all connections at once.
    let asks = [get, post, get, post, post].map(|ask| {
        let mut connection = std::net::TcpStream::connect(at).unwrap();
        connection.write_all(ask.as_bytes()).unwrap();
        connection
    });
    for mut connection in asks {
        let answer = tokio::task::spawn_blocking(move || {
            let mut answer = Vec::new();
            let _ = connection.read_to_end(&mut answer);
            answer
        });
        let answer = timeout(REQUEST / 2, answer).await.unwrap().unwrap();
        assert!(answer.ends_with(b"ok"), "{answer:?}");
    }
}

/// The connection is evicted between the arrival of the last bytes and the work on the request.
#[tokio::test]
async fn a_connection_that_has_just_sent_something_is_spared_for_a_moment() {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await;
    let acceptor = acceptor.unwrap();
    let at = *acceptor.local_addr()[0].as_socket_addr().unwrap();
    let mut acceptor = GuardedAcceptor::new(acceptor, 1);
    let _client = send(at, GET).await;
    let Accepted {
        mut stream,
        connection,
        ..
    } = acceptor.accept().await;
    let mut read = [0; GET.len()];
    stream.read_exact(&mut read).await.unwrap();
    connection.evict();
    assert!(stream.read(&mut read).now_or_never().is_none());
    let end = timeout(REQUEST / 2, stream.read(&mut read)).await.unwrap();
    assert!(end.is_err());
    let working = Handling::begin(Arc::clone(&connection));
    connection.evict();
    drop(working);
    assert!(!connection.has_to_go());
}

/// Busy connections cannot be evicted. Once they are idle, they can.
#[tokio::test]
async fn idle_connections_give_way_that_were_at_work_when_a_place_was_wanted() {
    let (at, let_go) = serve(2).await;
    let slow = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut working = [send(at, slow).await, send(at, slow).await];
    tokio::time::sleep(Duration::from_millis(200)).await;
    let waiting = tokio::spawn(answer(at));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    let_go.notify_waiters();
    let answered = timeout(Duration::from_secs(5), waiting).await;
    assert!(answered.unwrap().unwrap().ends_with("ok"));
    for connection in &mut working {
        assert!(read_once(connection).await.ends_with(b"late"));
    }
}

async fn read_once(connection: &mut TcpStream) -> Vec<u8> {
    let mut read = vec![0; 1024];
    let length = connection.read(&mut read).await.unwrap();
    read.truncate(length);
    read
}

#[tokio::test]
async fn headers_are_bounded() {
    let (at, _) = serve(4).await;
    for (size, said) in [(20 * 1024, "400 Bad Request"), (200 * 1024, "431 ")] {
        let header = "a".repeat(size);
        let asked =
            format!("GET / HTTP/1.1\r\nhost: a\r\nx: {header}\r\nconnection: close\r\n\r\n");
        let mut connection = send(at, asked.as_bytes()).await;
        let answer = String::from_utf8(rest(&mut connection).await).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {said}")), "{answer}");
    }
}
