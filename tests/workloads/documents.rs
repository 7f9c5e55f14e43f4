//! The examples of docs/WORKLOADS.md work. The real binary reads each example file, with the test's issuers instead of
//! those of the example. A job sends a token in the shape that its platform documents, and its commands are run.

use serde_json::{Value, json};

use super::platform::Platform;
use super::world::{World, now, said};
use crate::support::http;
use crate::support::service::Service;

const DOCUMENT: &str = include_str!("../../docs/WORKLOADS.md");
/// The service in the examples.
pub(super) const SERVICE: &str = "https://auth.example.com";

/// Returns the text after a heading, until the next heading.
fn section(heading: &str) -> &'static str {
    let heading = format!("\n## {heading}\n");
    let section = DOCUMENT.split(&heading).nth(1).expect(&heading);
    section.split("\n## ").next().unwrap()
}

/// Returns the blocks of a section that are in this language.
pub(super) fn blocks(heading: &str, language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks = section(heading).split(&fence[..]).skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

/// Returns the value of a key. Each key and its value are one line of the YAML.
fn value<'a>(yaml: &'a str, key: &str) -> &'a str {
    let mut lines = yaml
        .lines()
        .map(|line| line.trim_start().trim_start_matches("- "));
    let found = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    let found = found.unwrap_or_else(|| panic!("no {key} in {yaml}"));
    found.split(" #").next().unwrap().trim()
}

/// The service with the file of an example.
struct Example {
    world: World,
    issuers: Vec<(String, Platform)>,
    _files: tempfile::TempDir,
}

impl Example {
    async fn start(heading: &str) -> Self {
        let [text] = blocks(heading, "toml")[..] else {
            panic!("{heading}: not one file")
        };
        let mut file: toml::Table = text.parse().unwrap();
        let files = tempfile::tempdir().unwrap();
        let mut issuers = Vec::new();
        for (name, table) in file["issuer"].as_table_mut().unwrap() {
            let table = table.as_table_mut().unwrap();
            let platform = Platform::start().await;
            table.insert("issuer".to_owned(), platform.issuer.clone().into());
            if table.contains_key("jwks_uri") {
                table.insert("jwks_uri".to_owned(), platform.keys.clone().into());
            }
            if table.contains_key("jwks_file") {
                let keys = http::send(http::client().get(&platform.keys)).await;
                let path = files.path().join("keys.json");
                std::fs::write(&path, keys.text).unwrap();
                table.insert("jwks_file".to_owned(), path.display().to_string().into());
            }
            issuers.push((name.clone(), platform));
        }
        let world = World::start(&file.to_string()).await;
        Self {
            world,
            issuers,
            _files: files,
        }
    }

    fn platform(&self, issuer: &str) -> &Platform {
        let found = self.issuers.iter().find(|(name, _)| name == issuer);
        &found.unwrap().1
    }

    /// Returns a token in the shape of a platform.
    async fn token(&self, issuer: &str, shape: &str, claims: &Value) -> String {
        let more = [
            ("platform", shape.to_owned()),
            ("claims", claims.to_string()),
        ];
        let platform = self.platform(issuer);
        platform.issue(&self.world.audience(), &more).await
    }

    /// Runs the lines of an example with these variables, until the end of its script. Returns what it printed.
    async fn run(&self, script: &str, variables: &[(&str, &str)]) -> String {
        run(&self.world, script, variables).await
    }

    /// Runs the lines of an example, and asserts that it gets the token of the account that this JWT has linked.
    async fn gets_the_token_of(&self, jwt: &str, script: &str, variables: &[(&str, &str)]) {
        let token = self.world.token(jwt).await.expect(200);
        let printed = self.run(script, variables).await;
        assert_eq!(printed, token.str("access_token"), "{script}");
    }

    /// Puts a program on the path. It prints a text if its arguments are these.
    fn stand_in(&self, program: &str, arguments: &str, printed: &str) {
        let arguments = arguments.replace(SERVICE, &self.world.audience());
        let script = format!(
            "#!/bin/sh\n[ \"$*\" = '{arguments}' ] || exit 2\ncat <<'END'\n{printed}\nEND\n"
        );
        executable(&self.world, program, &script);
    }
}

fn executable(world: &World, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = world.folder.path().join(name);
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the lines of an example, at the service of the test.
pub(super) async fn run(world: &World, script: &str, variables: &[(&str, &str)]) -> String {
    for name in ["backup.sh", "deploy.sh", "release.sh"] {
        executable(world, name, "#!/bin/sh\nprintf %s \"$ACCESS_TOKEN\"\n");
    }
    let lines = script.lines().map(|line| line.trim_start_matches("$ "));
    let script = lines.collect::<Vec<_>>().join("\n");
    let script = script.replace(SERVICE, &world.audience());
    let mut shell = world.job("sh");
    shell
        .args(["-e", "-c", &script])
        .envs(variables.iter().copied());
    said(shell).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_example_works_for_github_actions_and_oauth_clients() {
    let example = Example::start("Set it up").await;
    let world = &example.world;
    let [job] = blocks("GitHub Actions", "yaml")[..] else {
        panic!("one job")
    };
    let jwt = example.token("github", "github-actions", &json!({})).await;
    let account = world.link(&jwt).await;
    let request = &example.platform("github").request;
    let variables = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", &**request),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job"),
    ];
    example
        .gets_the_token_of(&jwt, value(job, "run"), &variables)
        .await;

    std::fs::write(world.folder.path().join("token.jwt"), &jwt).unwrap();
    let [curl] = blocks("Any OAuth client", "console")[..] else {
        panic!("one command")
    };
    let exchanged: Value = serde_json::from_str(&example.run(curl, &[]).await).unwrap();
    let token = world.token(&jwt).await;
    assert_eq!(exchanged["access_token"], token.str("access_token"));

    let [grant] = blocks("What a workload is", "console")[..] else {
        panic!("one command")
    };
    let grant = grant
        .replace("/accounts/7/", &format!("/accounts/{account}/"))
        .replace("coak_…", Service::ADMIN_KEY);
    let granted: Value = serde_json::from_str(&example.run(&grant, &[]).await).unwrap();
    assert_eq!(granted["role"], "reader", "{granted}");
    let other = json!({"repository_id": "75", "ref": "refs/heads/release"});
    let other = example.token("github", "github-actions", &other).await;
    world.token(&other).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn github_enterprise_works() {
    let example = Example::start("GitHub Actions").await;
    for issuer in ["enterprise", "ghes"] {
        let jwt = example.token(issuer, "github-actions", &json!({})).await;
        example.world.link(&jwt).await;
        example.world.token(&jwt).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gitlab_works() {
    let example = Example::start("GitLab").await;
    let [job] = blocks("GitLab", "yaml")[..] else {
        panic!("one job")
    };
    assert_eq!(value(job, "aud"), SERVICE);
    let variable = job.lines().map(str::trim);
    let variable = variable.skip_while(|line| *line != "id_tokens:").nth(1);
    let variable = variable.unwrap().trim_end_matches(':');
    let command = job.lines().find(|line| line.contains("central-oauth"));
    let command = command.unwrap().trim().trim_start_matches("- ");
    assert_eq!(value(job, "timeout"), "1h");
    // The token lasts as long as the timeout of the job.
    let jwt = example
        .token("gitlab", "gitlab", &json!({"exp": in_an_hour()}))
        .await;
    example.world.link(&jwt).await;
    example
        .gets_the_token_of(&jwt, command, &[(variable, &jwt)])
        .await;
}

/// Returns the end of a token that lasts an hour.
fn in_an_hour() -> i64 {
    now() + 3600
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_works() {
    let example = Example::start("Kubernetes").await;
    let [pod] = blocks("Kubernetes", "yaml")[..] else {
        panic!("one pod")
    };
    assert_eq!(value(pod, "audience"), SERVICE);
    assert_eq!(value(pod, "expirationSeconds"), "3600");
    let claims = json!({"exp": in_an_hour()});
    let jwt = example.token("cluster", "kubernetes", &claims).await;
    example.world.link(&jwt).await;
    let command: Vec<String> = serde_json::from_str(value(pod, "command")).unwrap();
    std::fs::write(example.world.folder.path().join("projected"), &jwt).unwrap();
    // The volume is mounted in a mount namespace, where nobody else sees it.
    let (folder, file) = (value(pod, "mountPath"), value(pod, "path"));
    let script = format!(
        "unshare --map-root-user --mount sh -e -c 'mount -t tmpfs none /var/run && mkdir -p {folder} && \
         cp projected {folder}/{file} && exec \"$@\"' sh {}",
        command.join(" ")
    );
    example.gets_the_token_of(&jwt, &script, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spiffe_works() {
    let example = Example::start("SPIFFE").await;
    let jwt = example.token("mesh", "spiffe", &json!({})).await;
    example.world.link(&jwt).await;
    let fetched = format!(
        "token(spiffe://example.org/billing):\n\t{jwt}\nbundle(spiffe://example.org):\n\t{{\"keys\":[]}}"
    );
    let arguments = "api fetch jwt -audience https://auth.example.com";
    example.stand_in("spire-agent", arguments, &fetched);
    let [commands] = blocks("SPIFFE", "console")[..] else {
        panic!("one script")
    };
    example.gets_the_token_of(&jwt, commands, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buildkite_works() {
    let example = Example::start("Buildkite").await;
    let jwt = example.token("buildkite", "buildkite", &json!({})).await;
    example.world.link(&jwt).await;
    let arguments = "oidc request-token --audience https://auth.example.com --claim organization_id,pipeline_id";
    example.stand_in("buildkite-agent", arguments, &jwt);
    let [commands] = blocks("Buildkite", "console")[..] else {
        panic!("one script")
    };
    example.gets_the_token_of(&jwt, commands, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn circleci_works() {
    let example = Example::start("CircleCI").await;
    let jwt = example.token("circleci", "circleci", &json!({})).await;
    example.world.link(&jwt).await;
    let arguments = r#"run oidc get --claims {"aud": "https://auth.example.com"}"#;
    example.stand_in("circleci", arguments, &jwt);
    let [commands] = blocks("CircleCI", "console")[..] else {
        panic!("one script")
    };
    example.gets_the_token_of(&jwt, commands, &[]).await;
    let default = json!({"aud": "3b5ea0c1-8f5e-4b14-9d0a-d42a8a0b3f1d"});
    let default = example.token("circleci", "circleci", &default).await;
    assert_eq!(example.world.refused(&default).await, "audience");
}
