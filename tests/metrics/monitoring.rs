//! The dashboard and the alert rules.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::support::process::{self, fixtures, within};
use crate::support::prometheus::{Prometheus, promtool};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring")
}

/// Returns the file of the rules.
pub(super) fn rules() -> PathBuf {
    folder().join("alerts.yml")
}

fn dashboard() -> Value {
    let text = std::fs::read_to_string(folder().join("dashboard.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn panels() -> Vec<Value> {
    let panels = dashboard()["panels"].as_array().cloned().unwrap();
    panels
        .into_iter()
        .filter(|panel| panel["type"] != "row")
        .collect()
}

/// Returns the queries of the dashboard, as Grafana sends them with everything selected.
fn queries() -> Vec<String> {
    let targets = panels()
        .into_iter()
        .flat_map(|panel| panel["targets"].as_array().cloned());
    let queries = targets.flatten().map(|target| {
        let query = target["expr"].as_str().unwrap().to_owned();
        let query = query.replace("$__rate_interval", "1m");
        query.replace("$instance", ".*").replace("$provider", ".*")
    });
    queries.collect()
}

/// Asserts that all queries are valid and return something.
pub(super) async fn every_query_works(prometheus: &Prometheus) {
    for query in queries() {
        let found = prometheus.query(&query).await;
        // Nothing is discovered at the sandbox, so nothing is cached.
        assert!(
            !found.is_empty() || query.contains("cache"),
            "{query} finds nothing"
        );
    }
}

#[tokio::test]
async fn the_rules_are_rules_and_speak_up_when_they_should() {
    let folder = tempfile::tempdir().unwrap();
    let test = fixtures().join("monitoring/alerts_test.yml");
    std::fs::copy(rules(), folder.path().join("alerts.yml")).unwrap();
    std::fs::copy(test, folder.path().join("alerts_test.yml")).unwrap();
    promtool(folder.path(), &["check", "rules", "alerts.yml"]).await;
    promtool(folder.path(), &["test", "rules", "alerts_test.yml"]).await;
}

/// Returns the names of all series, from the generated list of metrics.
fn documented() -> BTreeSet<String> {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/METRICS.md");
    let document = std::fs::read_to_string(document).unwrap();
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.flat_map(|row| {
        let (name, rest) = row.split_once('`').unwrap();
        let parts: &[_] = if rest.contains("| histogram |") {
            &["_bucket", "_count", "_sum"]
        } else {
            &[""]
        };
        parts.iter().map(move |part| format!("{name}{part}"))
    });
    names.collect()
}

#[test]
fn dashboard_and_rules_speak_of_metrics_that_there_are() {
    let rules = std::fs::read_to_string(rules()).unwrap();
    let rules = rules.lines().filter(|line| !line.contains("description:"));
    let mut text: String = rules.collect::<Vec<_>>().join("\n");
    text += &queries().join("\n");
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_part(c));
    let used: BTreeSet<_> = words
        .filter(|word| word.starts_with("central_oauth_") || word.starts_with("http_server_"))
        .collect();
    let known = documented();
    let unknown: Vec<_> = used.iter().filter(|name| !known.contains(**name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(used.len() > 10, "{used:?}");
}

/// Every service that follows the semantic conventions has metrics of these names, so each query must select our job.
#[test]
fn what_other_services_have_too_is_asked_of_this_one_alone() {
    let rules = std::fs::read_to_string(rules()).unwrap();
    let text = rules + &queries().join("\n");
    let asked: Vec<_> = text.split("http_server_").skip(1).collect();
    assert!(asked.len() >= 4, "{asked:?}");
    for asked in asked {
        let (_, selector) = asked.split_once(['{', ' ', '[']).unwrap();
        assert!(selector.starts_with("job=\"central-oauth\""), "{asked}");
    }
}

/// Returns the compiler's errors for a dashboard, checked against Grafana's own schema.
async fn complaints(modules: &Path, dashboard: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let packages = modules.join("node_modules");
    std::os::unix::fs::symlink(&packages, folder.path().join("node_modules")).unwrap();
    let head = fixtures().join("grafana/dashboard.head.ts");
    let head = std::fs::read_to_string(head).unwrap();
    std::fs::write(folder.path().join("dashboard.ts"), head + dashboard).unwrap();
    let mut compiler = process::command(packages.join(".bin/tsc"));
    compiler
        .args([
            "--noEmit",
            "--strict",
            "--skipLibCheck",
            "--target",
            "es2022",
        ])
        .args(["--module", "esnext", "--moduleResolution", "bundler"])
        .arg("dashboard.ts")
        .current_dir(folder.path());
    let output = within(Duration::from_secs(120), "the compiler", compiler.output());
    let output = output.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said
}

#[tokio::test]
async fn the_dashboard_keeps_to_grafanas_schema() {
    let modules = process::modules("grafana").await;
    let dashboard = dashboard().to_string();
    assert_eq!(complaints(&modules, &dashboard).await, "");
    // A schema that accepts everything would be useless.
    for (good, bad) in [
        (r#""gridPos":"#, r#""position":"#),
        (r#""mode":"absolute""#, r#""mode":"relative""#),
    ] {
        let broken = dashboard.replace(good, bad);
        assert_ne!(complaints(&modules, &broken).await, "", "{bad}");
    }
}

#[test]
fn the_dashboard_is_one() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].is_u64() && dashboard["uid"].is_string());
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert!(
        variables
            .iter()
            .any(|variable| variable["type"] == "datasource")
    );
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{panel}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} covers another", panel["title"]);
            }
        }
    }
    for panel in panels() {
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        assert!(
            panel["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty())
        );
    }
}
