//! The same document in four places: the folder, the two addresses, the command line.

use std::path::Path;
use std::time::Duration;

use crate::support::http;
use crate::support::process::{self, modules, within};
use crate::support::service::Service;

/// Reads a file of the folder `openapi`.
pub(super) fn published(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[tokio::test]
async fn the_published_document_is_the_served_one() {
    let service = Service::start(&[]).await;
    let client = http::client();
    for (format, content_type, arguments) in [
        ("json", "application/json", &["openapi"][..]),
        ("yaml", "application/yaml", &["openapi", "--yaml"]),
    ] {
        let name = format!("openapi.{format}");
        let published = published(&name);
        let again = format!("{name} is out of date, see openapi/README.md");
        let served = http::send(client.get(service.url(&format!("/{name}"))))
            .await
            .expect(200);
        assert_eq!(served.header("content-type"), content_type);
        assert!(served.text == published, "served: {again}");
        // Printing it needs neither configuration nor database.
        let print = service.command(arguments).env_clear().output();
        let printed = within(Duration::from_secs(30), "printing", print)
            .await
            .unwrap();
        assert!(printed.status.success());
        assert!(printed.stdout == published.as_bytes(), "printed: {again}");
    }
}

// PyYAML follows YAML 1.1, which reads an unquoted time as a timestamp. So does Ruby's Psych.
#[tokio::test]
async fn both_documents_say_the_same_to_a_parser_of_yaml_1_1() {
    const COMPARE: &str = "import json, yaml; \
        assert yaml.safe_load(open('openapi.yaml')) == json.load(open('openapi.json'))";
    let environment = modules("schemathesis").await;
    let compare = process::command(environment.join("bin/python"))
        .args(["-B", "-c", COMPARE])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi"))
        .output();
    let compared = compare.await.unwrap();
    let complained = String::from_utf8_lossy(&compared.stderr);
    assert!(compared.status.success(), "{complained}");
}
