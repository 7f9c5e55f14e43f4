//! Prometheus, and its tool: Debian's package `prometheus`, which `tests/fixtures/install` installs.

use std::path::Path;
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Child;

use super::http;
use super::process::{self, eventually, free_port, within};

const START_WITHIN: Duration = Duration::from_secs(60);

/// A running Prometheus; it ends with this handle.
pub(crate) struct Prometheus {
    port: u16,
    client: Client,
    _child: Child,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts Prometheus with these rules and waits until it answers. It scrapes a port of this machine every second.
    pub(crate) async fn scraping(target: u16, rules: &Path) -> Self {
        let folder = tempfile::tempdir().expect("cannot make a temporary folder");
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             scrape_configs:\n  - job_name: central-oauth\n    static_configs: [{{targets: ['127.0.0.1:{target}']}}]\n",
            rules.display()
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("cannot write prometheus.yml");
        let port = free_port();
        let log = folder.path().join("prometheus.log");
        let child = process::command("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(process::log_file(&log))
            .stderr(process::log_file(&log))
            .spawn()
            .expect("cannot start prometheus: run tests/fixtures/install");
        let prometheus = Self {
            port,
            client: http::client(),
            _child: child,
            _folder: folder,
        };
        prometheus.wait_until_ready().await;
        prometheus
    }

    async fn wait_until_ready(&self) {
        let ready = format!("http://127.0.0.1:{}/-/ready", self.port);
        eventually(START_WITHIN, "prometheus", async || {
            let answer = http::try_send(self.client.get(&ready)).await;
            answer.is_ok_and(|answer| answer.status.is_success())
        })
        .await;
    }

    /// Returns the values of the series that a query finds. The query must be valid.
    pub(crate) async fn query(&self, query: &str) -> Vec<f64> {
        let at = format!("http://127.0.0.1:{}/api/v1/query", self.port);
        let answer = http::send(self.client.get(at).query(&[("query", query)])).await;
        assert_eq!(answer.json["status"], "success", "{query}: {}", answer.text);
        let found = answer.json["data"]["result"].as_array().cloned();
        let value = |series: Value| series["value"][1].as_str()?.parse().ok();
        found
            .unwrap_or_default()
            .into_iter()
            .filter_map(value)
            .collect()
    }

    /// Waits until a query returns exactly one series whose value satisfies the condition.
    pub(crate) async fn wait_for(&self, query: &str, is_right: impl Fn(f64) -> bool) {
        eventually(
            START_WITHIN,
            query,
            async || matches!(self.query(query).await[..], [value] if is_right(value)),
        )
        .await;
    }
}

/// Runs `promtool` in a folder, and asserts success.
pub(crate) async fn promtool(folder: &Path, arguments: &[&str]) {
    let mut command = process::command("promtool");
    command.args(arguments).current_dir(folder);
    let output = within(START_WITHIN, "promtool", command.output()).await;
    let output = output.expect("cannot run promtool: run tests/fixtures/install");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
