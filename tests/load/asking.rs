//! Clients that ask for tokens, as lean as they can be: they share the processors with what they measure.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::service::Service;

/// A connection that stays open from one request to the next.
pub(super) struct Line(BufReader<TcpStream>);

impl Line {
    pub(super) async fn open(service: &Service) -> io::Result<Self> {
        let url = service.url("");
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.expect("an address without a port");
        let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Asks and reads all of the answer; its status.
    pub(super) async fn ask(&mut self, path: &str, key: &str) -> io::Result<u16> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n"
        );
        self.0.write_all(request.as_bytes()).await?;
        let status = self.line().await?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut length = 0;
        loop {
            let header = self.line().await?.to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        self.0.read_exact(&mut vec![0; length]).await?;
        status.ok_or_else(|| io::Error::other("an answer without a status"))
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

/// Asks for one token after the other on so many connections; how many came.
pub(super) async fn ask_for(
    service: &Service,
    keys: &Arc<Vec<String>>,
    connections: usize,
    duration: Duration,
) -> u64 {
    let (mut clients, start) = (JoinSet::new(), Instant::now());
    for client in 0..connections {
        let mut line = Line::open(service).await.expect("nobody listens");
        let keys = Arc::clone(keys);
        let first = client * keys.len() / connections;
        clients.spawn(async move {
            let mut answers = 0;
            for key in keys.iter().cycle().skip(first) {
                if start.elapsed() >= duration {
                    break;
                }
                assert_eq!(line.ask("/v1/token", key).await.ok(), Some(200));
                answers += 1;
            }
            answers
        });
    }
    clients.join_all().await.into_iter().sum()
}
