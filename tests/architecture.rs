//! The allowed dependencies between crates, read from cargo itself.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Maps each crate to its direct dependencies, without those for tests.
type Edges = BTreeMap<String, BTreeSet<String>>;

const OURS: &str = "central-oauth";

fn edges() -> Edges {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata failed");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(package).collect()
}

fn package(package: &Value) -> (String, BTreeSet<String>) {
    let dependencies = package["dependencies"].as_array().unwrap();
    let normal = dependencies.iter().filter(|d| d["kind"].is_null());
    let names = normal.map(|d| d["name"].as_str().unwrap().to_owned());
    (
        package["name"].as_str().unwrap().to_owned(),
        names.collect(),
    )
}

fn ours(dependencies: &BTreeSet<String>) -> BTreeSet<&str> {
    let ours = dependencies.iter().filter(|name| name.starts_with(OURS));
    ours.map(String::as_str).collect()
}

#[test]
fn the_domain_depends_on_nothing_that_does_io() {
    let allowed = [
        "async-trait",
        "icu_properties",
        "ipnet",
        "rand_core",
        "secrecy",
        "thiserror",
        "tracing",
        "zeroize",
    ];
    let edges = edges();
    let domain = &edges["central-oauth-domain"];
    let strangers: Vec<_> = domain
        .iter()
        .filter(|name| !allowed.contains(&name.as_str()))
        .collect();
    assert!(strangers.is_empty(), "domain depends on {strangers:?}");
}

#[test]
fn adapters_know_the_domain_and_not_each_other() {
    for (name, dependencies) in edges() {
        let allowed: &[&str] = match name.as_str() {
            "central-oauth" => continue,
            "central-oauth-domain" | "central-oauth-migration" | "central-oauth-sandbox-poem" => {
                &[]
            }
            "central-oauth-test-sandbox" => &["central-oauth-sandbox-poem"],
            "central-oauth-store-seaorm" => &["central-oauth-domain", "central-oauth-migration"],
            _ => &["central-oauth-domain", "central-oauth-wire"],
        };
        let allowed: BTreeSet<_> = allowed.iter().copied().collect();
        let extra: Vec<_> = ours(&dependencies).difference(&allowed).copied().collect();
        assert!(extra.is_empty(), "{name} depends on {extra:?}");
    }
}

#[test]
fn only_main_runs_the_command_line() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    for entry in walk(root.into()) {
        let name = entry.strip_prefix(root).unwrap();
        if !name.starts_with("cli") && name != PathBuf::from("main.rs").as_path() {
            let source = std::fs::read_to_string(&entry).unwrap();
            assert!(
                !source.contains("cli::"),
                "{} uses the command line",
                name.display()
            );
        }
    }
}

#[test]
fn only_the_wiring_names_concrete_adapters_for_a_port() {
    let adapters = [
        "SeaOrmStore",
        "AesGcmSivCipher",
        "OpenIdConnectProvider",
        "SystemClock",
    ];
    let mut named_in = BTreeSet::new();
    for path in walk(concat!(env!("CARGO_MANIFEST_DIR"), "/src").into()) {
        let source = std::fs::read_to_string(&path).unwrap();
        if adapters.iter().any(|name| source.contains(name)) {
            named_in.insert(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    assert_eq!(named_in, BTreeSet::from(["wiring.rs".to_owned()]));
}

#[test]
fn the_domain_knows_no_exporter_and_no_metric() {
    for path in walk(concat!(env!("CARGO_MANIFEST_DIR"), "/domain/src").into()) {
        let source = std::fs::read_to_string(&path).unwrap().to_lowercase();
        for stranger in [
            "opentelemetry",
            "prometheus",
            "otel.",
            "_total",
            "traceparent",
        ] {
            let path = path.display();
            assert!(!source.contains(stranger), "{path} knows {stranger}");
        }
    }
}

/// Returns all files below a folder.
fn walk(folder: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let files = paths.flat_map(|path| {
        if path.is_dir() {
            walk(path)
        } else {
            vec![path]
        }
    });
    files.collect()
}
