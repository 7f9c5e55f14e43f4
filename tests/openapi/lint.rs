//! Redocly's and Stoplight's (Spectral) linters, with their recommended rules.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::document::published;
use crate::support::process::{self, within};

const LINT_WITHIN: Duration = Duration::from_secs(180);

#[tokio::test]
async fn the_linter_has_nothing_to_say() {
    let linter = Linter::new().await;
    for name in ["openapi.json", "openapi.yaml"] {
        let report = linter.lint(name, &published(name)).await;
        assert_eq!(report["totals"]["errors"], 0, "{name}: {report:#}");
        assert_eq!(report["totals"]["warnings"], 0, "{name}: {report:#}");
    }
    // A linter that finds nothing anywhere would be useless.
    let broken = published("openapi.json").replace("\"/v1/healthz\"", "\"/v1/{healthz}/\"");
    let report = linter.lint("broken.json", &broken).await;
    assert!(report["totals"]["errors"].as_u64() > Some(0), "{report:#}");
}

#[tokio::test]
async fn spectral_has_nothing_to_say() {
    let linter = Linter::new().await;
    let published = published("openapi.json");
    assert_eq!(linter.spectral("openapi.json", &published).await, json!([]));
    let broken = published.replace("\"contact\"", "\"x-contact\"");
    let found = linter.spectral("broken.json", &broken).await;
    assert_eq!(found[0]["code"], "info-contact", "{found:#}");
}

struct Linter {
    command: PathBuf,
    folder: TempDir,
}

impl Linter {
    async fn new() -> Self {
        let modules = process::modules("lint").await;
        Self {
            command: modules.join("node_modules/.bin/redocly"),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Returns what Spectral finds in a document, including hints.
    async fn spectral(&self, name: &str, document: &str) -> Value {
        std::fs::write(self.folder.path().join(name), document).unwrap();
        let rules = self.folder.path().join("rules.json");
        std::fs::write(&rules, r#"{"extends": ["spectral:oas"]}"#).unwrap();
        let mut command = process::command(self.command.with_file_name("spectral"));
        command
            .args(["lint", "--format=json", "--quiet", "--ruleset"])
            .arg(rules)
            .arg(name)
            .current_dir(self.folder.path());
        let output = within(LINT_WITHIN, "spectral", command.output()).await;
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let report = serde_json::from_slice(&output.stdout);
        report.unwrap_or_else(|error| panic!("no report: {error}\n{said}"))
    }

    /// Returns Redocly's report about a document.
    async fn lint(&self, name: &str, document: &str) -> Value {
        std::fs::write(self.folder.path().join(name), document).unwrap();
        let mut command = process::command(&self.command);
        command
            .args(["lint", "--extends=recommended", "--format=json", name])
            // Away from any configuration file of a linter.
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            // Disables telemetry and update checks.
            .env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_NOTIFICATIONS", "true");
        let output = within(LINT_WITHIN, "the linter", command.output())
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let report = serde_json::from_slice(&output.stdout);
        report.unwrap_or_else(|error| panic!("no report: {error}\n{said}"))
    }
}
