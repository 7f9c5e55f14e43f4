//! An OTLP collector: `PyPI`'s rotel, which writes what it receives into its log.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Child;

use super::process::{self, eventually, free_port};

const START_WITHIN: Duration = Duration::from_secs(60);

/// A running collector; it ends with this handle.
pub(crate) struct Collector {
    port: u16,
    _child: Child,
    folder: TempDir,
}

/// A span as the collector received it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Span {
    pub(crate) trace: String,
    pub(crate) parent: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) status: String,
    /// The spans that it links to: trace and span.
    pub(crate) links: Vec<(String, String)>,
    /// All its attributes, as they were written.
    pub(crate) text: String,
}

impl Collector {
    /// Starts a collector that writes traces.
    pub(crate) async fn start() -> Self {
        Self::of("traces").await
    }

    /// Starts a collector that writes what it receives of a signal; on return it listens.
    pub(crate) async fn of(signal: &str) -> Self {
        let folder = tempfile::tempdir().expect("cannot make a temporary folder");
        let (port, grpc) = (free_port(), free_port());
        let log = folder.path().join("rotel.log");
        let child = process::command(agent(&process::modules("rotel").await))
            .args(["start", "--exporter", "blackhole"])
            .args(["--debug-log", signal, "--debug-log-verbosity", "detailed"])
            .arg(format!("--otlp-http-endpoint=127.0.0.1:{port}"))
            .arg(format!("--otlp-grpc-endpoint=127.0.0.1:{grpc}"))
            .current_dir(folder.path())
            .stdout(process::log_file(&log))
            .stderr(process::log_file(&log))
            .spawn()
            .expect("cannot start rotel");
        eventually(START_WITHIN, "rotel", async || {
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        Self {
            port,
            _child: child,
            folder,
        }
    }

    /// Returns the collector's URL.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns everything that the collector has received so far, and its other output.
    pub(crate) fn received(&self) -> String {
        process::read_log(&self.folder.path().join("rotel.log"))
    }

    /// Returns the spans that the collector has received so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let received = self.received();
        received.split("\nSpan #").skip(1).map(Span::read).collect()
    }
}

/// Returns the program inside of the package.
fn agent(environment: &Path) -> PathBuf {
    let pythons = std::fs::read_dir(environment.join("lib")).expect("no packages");
    let agents = pythons.flatten().map(|python| {
        let packages = python.path().join("site-packages");
        packages.join("rotel/rotel-agent")
    });
    let mut agents = agents.filter(|agent| agent.exists());
    agents.next().expect("rotel has no agent for this machine")
}

impl Span {
    fn read(text: &str) -> Self {
        // The spans after this line belong to the next resource.
        let text = text.split("\nResourceSpans #").next().unwrap_or(text);
        let field = |name: &str| {
            let value = |line: &str| {
                let (found, value) = line.split_once(':')?;
                (found.trim() == name).then(|| value.trim().to_owned())
            };
            text.lines().find_map(value).unwrap_or_default()
        };
        Self {
            trace: field("Trace ID"),
            parent: field("Parent ID"),
            id: field("ID"),
            name: field("Name"),
            kind: field("Kind"),
            status: field("Status code"),
            links: text.split("SpanLink #").skip(1).map(link).collect(),
            text: text.to_owned(),
        }
    }

    /// Returns an attribute, as it was written.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let start = format!("-> {name}: ");
        let line = self
            .text
            .lines()
            .find_map(|line| line.trim().strip_prefix(&start))?;
        line.split_once('(')?.1.strip_suffix(')')
    }
}

fn link(text: &str) -> (String, String) {
    let field = |name: &str| {
        let start = format!("-> {name}: ");
        let found = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(&start));
        found.unwrap_or_default().trim().to_owned()
    };
    (field("Trace ID"), field("ID"))
}
