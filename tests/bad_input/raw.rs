//! Raw bytes that are hardly HTTP, and incomplete requests.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::scene::Scene;
use crate::support::http;
use crate::support::process::within;

/// Time limit for a response, or the end of the connection.
const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn bytes_that_are_no_request_harm_nobody() {
    let mut scene = Scene::new(&[]).await;
    let link = scene.begin().await;
    // Many clients that begin a request and never finish it.
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(send(&scene, b"POST /v1/link-code HTTP/1.1\r\nHost: x\r\n").await);
    }
    for bytes in nonsense() {
        let answer = until_closed(send(&scene, &bytes).await).await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
        // The service may reject long headers before it has read all of them, and then the response may be lost.
        let is_cut = bytes.len() > 4096 && answer.is_empty();
        let is_refused = answer.starts_with("HTTP/1.1 4");
        assert!(is_refused || is_cut, "{shown:?}: {answer}");
    }
    oversized_in_pieces(&scene).await;
    oversized(&scene).await;
    scene.expect_status(&link, "pending").await;
    http::send(scene.get("/v1/healthz")).await.expect(200);
    drop(idle);
    scene.end(&["link code handed out"]).await;
}

/// The length of a chunked body is unknown beforehand.
async fn oversized_in_pieces(scene: &Scene) {
    let head = "POST /v1/link-code HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let piece = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    let request = format!("{head}{}0\r\n\r\n", piece.repeat(8));
    let answer = answer_of(&mut send(scene, request.as_bytes()).await).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("payload_too_large"), "{answer}");
    // A client with persistent connections must learn that this one is over.
    assert!(answer.contains("connection: close\r\n"), "{answer}");
}

/// A body that does not fit into the buffers of the connection: its sender reads the response only afterwards.
async fn oversized(scene: &Scene) {
    let body = "x".repeat(3 << 20);
    let head = format!(
        "POST /v1/link-code HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let request = format!("{head}{body}");
    let answer = answer_of(&mut send(scene, request.as_bytes()).await).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

fn nonsense() -> Vec<Vec<u8>> {
    let post = |headers: &str, body: &str| {
        let head = "POST /v1/link-code HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        format!("{head}{headers}Connection: close\r\n\r\n{body}").into_bytes()
    };
    let long = "x".repeat(1 << 20);
    vec![
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"\0\0\0\0\0\0\0\0\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /v1/healthz HTTP/1.1\r\nHost: x\r\nbroken header\r\n\r\n".to_vec(),
        b"\x80\x81 /v1/healthz HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes(),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n\r\n").into_bytes(),
        format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(2000)).into_bytes(),
        post("Content-Length: -1\r\n", ""),
        post("Content-Length: 99999999999999999999\r\n", ""),
        post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"),
        post("Content-Length: 100\r\n", "{"),
        post("Transfer-Encoding: chunked\r\n", "ZZ\r\nhello\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "5\r\nhel"),
        post("Transfer-Encoding: gzip\r\n", "hello"),
    ]
}

async fn send(scene: &Scene, bytes: &[u8]) -> TcpStream {
    let address = scene.service.url("");
    let address = address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The service may stop reading before everything is sent.
    let _ = stream.write_all(bytes).await;
    stream
}

async fn until_closed(mut stream: TcpStream) -> String {
    // This side sends nothing more.
    let _ = stream.shutdown().await;
    answer_of(&mut stream).await
}

async fn answer_of(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end as well.
    let read = within(SOON, "an answer", stream.read_to_end(&mut answer)).await;
    let _ = read;
    String::from_utf8_lossy(&answer).into_owned()
}
