//! Schemathesis makes valid and invalid requests of every operation from the document and checks every answer of the real
//! binary: no 5xx, no undocumented status, media type or header, no body that breaks its schema, no invalid request that is
//! accepted. `SCHEMATHESIS_EXAMPLES` makes it try more; see `docs/TESTING.md`.

use central_oauth_test_sandbox::{AutoPerson, Sandbox, SandboxOptions};
use serde_json::{Value, json};

use super::document::published;
use crate::support::linking::link;
use crate::support::process::{self, fixtures, modules};
use crate::support::sandbox;
use crate::support::service::Service;

/// How many requests the short run tries for each operation and phase, besides those that cover each rule of the document.
const EXAMPLES: &str = "5";
const SEED: &str = "1";
const RUN: &str = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())";

#[tokio::test]
async fn every_answer_is_as_documented() {
    let target = Target::new().await;
    let report = target.run(&published("openapi.json"), &[]).await;
    let operations = &report["operations"];
    assert_eq!(operations["tested"], operations["total"], "{report:#}");
    let made = report["test_cases"]["generated"].as_u64().unwrap();
    eprintln!("schemathesis made {made} requests");
    assert!(made > 500, "{made} requests");
    for operation in [
        "GET /v1/token",
        "GET /v1/accounts/{id}",
        "POST /v1/link-code",
    ] {
        let phases = report["valid_rates"][operation].as_object().unwrap();
        let accepted = |phase: &Value| phase["accepted"].as_u64().unwrap();
        assert!(
            phases.values().map(accepted).sum::<u64>() > 0,
            "{operation}: {report:#}"
        );
    }
    assert_eq!(report["failures"], Value::Array(Vec::new()), "{report:#}");
    assert_eq!(report["exit_code"], 0, "{report:#}");
}

type Change = (fn(&mut Value), &'static str);

/// Documents with promises that the service breaks, and the expected findings.
const WRONG: [Change; 2] = [
    (
        |document| {
            let list = &mut document["components"]["schemas"]["ProviderList"];
            list["required"] = json!(["items", "missing"]);
        },
        "Response violates schema",
    ),
    (
        |document| {
            let answers = &mut document["paths"]["/v1/providers"]["get"]["responses"];
            answers.as_object_mut().unwrap().remove("200");
        },
        "Undocumented status code",
    ),
];

/// A run that finds nothing anywhere would be useless.
#[tokio::test]
async fn wrong_documents_are_noticed() {
    let target = Target::new().await;
    for (change, finding) in WRONG {
        let mut wrong: Value = serde_json::from_str(&published("openapi.json")).unwrap();
        change(&mut wrong);
        let only = ["--include-operation-id", "list_providers"];
        let report = target.run(&wrong.to_string(), &only).await;
        assert_eq!(report["failures"][0]["title"], finding, "{report:#}");
        assert_eq!(report["exit_code"], 1, "{report:#}");
    }
}

/// A service with linked accounts.
struct Target {
    service: Service,
    access_key: String,
    _sandbox: Sandbox,
}

impl Target {
    async fn new() -> Self {
        let options = SandboxOptions {
            auto_person: AutoPerson::SomebodyNew,
            ..sandbox::consenting()
        };
        let sandbox = sandbox::start(options).await;
        let service = Service::start_for(&sandbox).await;
        let mut access_key = String::new();
        for _ in 0..3 {
            access_key = link(&service).await;
        }
        Self {
            service,
            access_key,
            _sandbox: sandbox,
        }
    }

    /// Runs schemathesis with this document and returns its report.
    async fn run(&self, document: &str, options: &[&str]) -> Value {
        let environment = modules("schemathesis").await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("openapi.json"), document).unwrap();
        let mut command = process::command(environment.join("bin/python"));
        command
            .args(["-B", "-c", RUN, "--config-file"])
            .arg(fixtures().join("schemathesis/schemathesis.toml"))
            .args(["run", "openapi.json", "--url", &self.service.url("")])
            .args([
                "--checks",
                "all",
                "--seed",
                SEED,
                "--max-examples",
                &examples(),
            ])
            .args(["--report", "json", "--report-json-path", "report.json"])
            .args(options)
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .env("PYTHONHASHSEED", "0")
            .env("ADMIN_KEY", Service::ADMIN_KEY)
            .env("ACCESS_KEY", &self.access_key);
        let output = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        let report = std::fs::read_to_string(folder.path().join("report.json"));
        let report =
            report.unwrap_or_else(|error| panic!("no report: {error}\n{said}\n{complained}"));
        let report: Value = serde_json::from_str(&report).unwrap();
        if report["exit_code"] != 0 {
            eprintln!("{said}");
        }
        report
    }
}

fn examples() -> String {
    let given = std::env::vars_os().find(|(name, _)| name == "SCHEMATHESIS_EXAMPLES");
    given.map_or_else(
        || EXAMPLES.to_owned(),
        |(_, value)| value.into_string().unwrap(),
    )
}
