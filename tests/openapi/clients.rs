//! Clients that are generated from the published document, compiled and run against a real service: they link, poll, get a
//! token, exchange their key for it, get typed errors, and delete the account.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use crate::support::http;
use crate::support::linking::confirm;
use crate::support::process::{self, fixtures, modules, within};
use crate::support::sandbox;
use crate::support::service::Service;

/// Java starts slowly on a crowded machine.
const GENERATE_WITHIN: Duration = Duration::from_secs(180);
const RUN_WITHIN: Duration = Duration::from_secs(60);
/// Programs that run for seconds do not gain from the second compiler and several collectors.
const QUICK_JAVA: (&str, &str) = (
    "JAVA_TOOL_OPTIONS",
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
);

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json")
}

async fn succeed(mut command: Command, what: &str) {
    let output = within(GENERATE_WITHIN, what, command.output())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}:\n{said}\n{complained}");
}

/// Runs a client, and plays the person whom it asks: the client prints the link code first, and last what it has seen.
async fn play(mut client: Command) {
    let sandbox = sandbox::start(sandbox::consenting()).await;
    let mut service = Service::prepare_for(&sandbox);
    service.run().await;
    client
        .arg(service.url(""))
        .stdout(std::process::Stdio::piped());
    let mut child = client.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut code = String::new();
    within(RUN_WITHIN, "the link code", output.read_line(&mut code))
        .await
        .unwrap();
    confirm(&http::client(), &service, code.trim()).await;
    let mut rest = String::new();
    within(RUN_WITHIN, "the client", output.read_to_string(&mut rest))
        .await
        .unwrap();
    let seen: Vec<_> = rest.lines().collect();
    let expected = [
        "linked Alice",
        "token Bearer",
        "exchanged Bearer",
        "refused invalid_request",
        "labels team=billing",
        "problem 401 unauthorized",
        "deleted unsupported",
        "problem 401 unauthorized",
    ];
    assert_eq!(seen, expected);
    assert!(child.wait().await.unwrap().success());
}

/// Has OpenAPI Generator make a client in this language, and returns the Python environment that holds the generator.
async fn generate(language: &str, options: &[&str], folder: &Path) -> PathBuf {
    let environment = modules("client-python").await;
    // The package's own script names the Python of another folder, so the module is called directly.
    let run = "import sys, openapi_generator_cli as it; sys.exit(it.run(sys.argv[1:]).returncode)";
    let mut generate = process::command(environment.join("bin/python"));
    generate
        .env(QUICK_JAVA.0, QUICK_JAVA.1)
        .args(["-c", run, "generate", "-g", language])
        .args(options)
        .arg("-o")
        .arg(folder)
        .arg("-i")
        .arg(document());
    succeed(generate, "openapi-generator").await;
    environment
}

/// Returns the folder of the packages in a Python environment.
fn site_packages(environment: &Path) -> PathBuf {
    let mut pythons = std::fs::read_dir(environment.join("lib")).unwrap();
    let python = pythons.next().unwrap().unwrap();
    python.path().join("site-packages")
}

#[tokio::test]
async fn a_python_client_works() {
    let folder = tempfile::tempdir().unwrap();
    let environment = generate("python", &[], folder.path()).await;
    let mut client = process::command(environment.join("bin/python"));
    client
        .arg("-B")
        .arg(fixtures().join("client-python/client.py"))
        .env("PYTHONPATH", folder.path());
    play(client).await;
}

#[tokio::test]
async fn a_typescript_client_compiles_and_works() {
    let modules = modules("client-typescript").await.join("node_modules");
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&modules, folder.path().join("node_modules")).unwrap();
    let program = fixtures().join("client-typescript/client.ts");
    std::fs::copy(program, folder.path().join("client.ts")).unwrap();
    std::fs::write(folder.path().join("package.json"), r#"{"type": "module"}"#).unwrap();
    let mut generate = process::command("node");
    generate
        .arg(modules.join("openapi-typescript/bin/cli.js"))
        .arg(document())
        .args(["-o", "central-oauth.d.ts"])
        .current_dir(folder.path());
    succeed(generate, "openapi-typescript").await;
    let mut compile = process::command("node");
    compile
        .arg(modules.join("typescript/bin/tsc"))
        .args([
            "--strict",
            "--target",
            "es2022",
            "--module",
            "nodenext",
            "client.ts",
        ])
        .current_dir(folder.path());
    succeed(compile, "tsc").await;
    let mut client = process::command("node");
    client.arg("client.js").current_dir(folder.path());
    play(client).await;
}

#[tokio::test]
async fn a_go_client_compiles_and_works() {
    let go = site_packages(&modules("client-go").await).join("go");
    let folder = tempfile::tempdir().unwrap();
    generate("go", &[], folder.path()).await;
    let program = folder.path().join("client");
    std::fs::create_dir(&program).unwrap();
    let source = fixtures().join("client-go/client.go");
    std::fs::copy(source, program.join("main.go")).unwrap();
    let mut compile = process::command(go.join("bin/go"));
    compile
        .args(["build", "-o", "client.bin"])
        // Without optimisation and debug information, as it runs once.
        .args(["-gcflags=all=-N -l", "-ldflags=-w", "./client"])
        .current_dir(folder.path())
        // Go compiles its library once, without C, and needs nothing from the network.
        .env("CGO_ENABLED", "0")
        .env("GOCACHE", go.join("cache"))
        .env("GOPATH", go.join("path"))
        .env("GOTOOLCHAIN", "local")
        .env("GOPROXY", "off");
    succeed(compile, "go build").await;
    play(process::command(folder.path().join("client.bin"))).await;
}

#[tokio::test]
async fn a_java_client_compiles_and_works() {
    let folder = tempfile::tempdir().unwrap();
    let options = [
        "--library",
        "native",
        "--additional-properties",
        "openApiNullable=false",
    ];
    let environment = generate("java", &options, folder.path()).await;
    // The archive of the generator holds Jackson and Apache's HTTP client.
    let sources = "find src/main -name '*.java' > sources && exec javac -nowarn -cp \"$1\" -d classes @sources \"$2\"";
    let archive = "openapi_generator_cli/openapi-generator.jar";
    let archive = site_packages(&environment).join(archive);
    let debian = Path::new("/usr/share/java");
    let libraries = [
        archive,
        debian.join("httpmime.jar"),
        debian.join("geronimo-annotation-1.3-spec.jar"),
        "classes".into(),
    ];
    let libraries = std::env::join_paths(libraries).unwrap();
    let mut compile = process::command("sh");
    compile
        .env(QUICK_JAVA.0, QUICK_JAVA.1)
        .args(["-c", sources, "sh"])
        .arg(&libraries)
        .arg(fixtures().join("client-java/Client.java"))
        .current_dir(folder.path());
    succeed(compile, "javac").await;
    let mut client = process::command("java");
    client
        .arg("-cp")
        .arg(&libraries)
        .arg("Client")
        .current_dir(folder.path());
    play(client).await;
}

/// Runs a client in another language by hand: `CENTRAL_OAUTH_TEST_CLIENT` names the program.
#[tokio::test]
#[ignore = "needs a program"]
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs it names the program"
)]
async fn a_client_of_another_language_works() {
    let program = std::env::var_os("CENTRAL_OAUTH_TEST_CLIENT").unwrap();
    play(process::command(program)).await;
}
