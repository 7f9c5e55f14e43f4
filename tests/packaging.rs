//! What operators install: the systemd unit, the Debian package, the image, the Compose file, the Helm chart and the
//! manifests. Nothing is built here; `packaging/release` builds them.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::process::{fixtures, modules};

/// Reads a file of the repository.
fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs a command in the repository and returns its output.
#[track_caller]
fn output(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// `NAME=value` lines.
fn assignments(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).collect()
}

/// Asserts that the service accepts this configuration.
#[track_caller]
fn check(settings: &[(&str, &str)]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_central-oauth"));
    command.args(["config", "check"]).env_clear();
    let checked = command.envs(settings.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
    assert!(!said.contains("is unknown; did you mean"), "{said}");
}

const UNIT: &str = "packaging/debian/central-oauth.service";
const SECRET_KEY: (&str, &str) = (
    "CENTRAL_OAUTH_SECRET_KEY",
    "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f",
);

#[test]
fn the_unit_is_hardened() {
    let threshold = "--threshold=20";
    let arguments = ["security", "--offline=yes", "--no-pager", threshold, UNIT];
    let report = output("systemd-analyze", &arguments);
    assert!(report.contains("Overall exposure level"), "{report}");
}

/// Returns the files of an asset of the package, which may be a pattern such as `docs/*.md`.
fn files(source: &str) -> Vec<String> {
    // `packaging/release` creates the files in `target`, so they need not exist here.
    let Some((folder, end)) = source.split_once('*') else {
        assert!(source.starts_with("target/") || Path::new(source).is_file());
        return vec![source.to_owned()];
    };
    if source.starts_with("target/") {
        return Vec::new();
    }
    let found = std::fs::read_dir(folder).unwrap();
    let found = found.map(|entry| entry.unwrap().path().to_str().unwrap().to_owned());
    let found = Vec::from_iter(found.filter(|path| path.ends_with(end)));
    assert!(!found.is_empty(), "{source}");
    found
}

#[test]
fn the_package_has_every_file_that_it_names() {
    let manifest: toml::Value = toml::from_str(&read("Cargo.toml")).unwrap();
    let package = &manifest["package"]["metadata"]["deb"];
    let mut destinations = Vec::new();
    for asset in package["assets"].as_array().unwrap() {
        let part = |index: usize| asset[index].as_str().unwrap();
        for source in files(part(0)) {
            let name = source.rsplit('/').next().unwrap();
            destinations.push((format!("/{}{name}", part(1)), part(2)));
        }
    }
    let installed = |path: &str| {
        let found = destinations.iter().find(|(installed, _)| installed == path);
        found.unwrap_or_else(|| panic!("{path} is not installed")).1
    };
    let unit = read(UNIT);
    let value = |name: &str| {
        let mut found = unit
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        found.next().unwrap()
    };
    let program = value("ExecStart").split(' ').next().unwrap();
    assert_eq!(installed(program), "755");
    assert_eq!(value("ExecReload"), "/bin/kill -HUP $MAINPID");
    // A minimal Debian lacks the package of `kill`.
    assert!(package["depends"].as_str().unwrap().contains("procps"));
    let (_, document) = value("Documentation").split_once("file://").unwrap();
    assert_eq!(installed(document), "644");
    let environment = value("EnvironmentFile");
    assert_eq!(installed(environment), "600");
    let kept: Vec<_> = package["conf-files"].as_array().unwrap().iter().collect();
    assert_eq!(kept, [&toml::Value::from(environment)]);
    let folder = format!("/var/lib/{}", value("StateDirectory"));
    assert_eq!(value("WorkingDirectory"), folder);
    let postinst = read("packaging/debian/postinst");
    for needed in [folder.as_str(), value("User"), "#DEBHELPER#"] {
        assert!(postinst.contains(needed), "{needed}");
    }
}

#[test]
fn the_environment_of_the_package_is_a_configuration() {
    let text = read("packaging/debian/environment");
    let set = assignments(&text);
    let value = |name: &str| set.iter().find(|(known, _)| *known == name).unwrap().1;
    let key_file = value("CENTRAL_OAUTH_SECRET_KEY_FILE");
    assert!(read("packaging/debian/postinst").contains(&format!("key={key_file}\n")));
    assert!(value("CENTRAL_OAUTH_DB_PATH").starts_with("/var/lib/central-oauth/"));
    // Checks all examples together, except those that need a value or contradict each other.
    let examples = text.replace("\n#CENTRAL_OAUTH_", "\nCENTRAL_OAUTH_");
    let unusable = ["CENTRAL_OAUTH_SECRET_KEY_FILE", "CENTRAL_OAUTH_PROVIDERS"];
    let mut settings = assignments(&examples);
    settings.retain(|(name, value)| !value.is_empty() && !unusable.contains(name));
    assert!(settings.len() > 7, "{settings:?}");
    settings.push(SECRET_KEY);
    check(&settings);
}

#[test]
fn the_readme_names_the_files_of_this_version() {
    let readme = read("README.md");
    let version = env!("CARGO_PKG_VERSION");
    for file in [
        format!("./central-oauth_{version}-1_amd64.deb"),
        format!("central-oauth-{version}-x86_64.tar.gz"),
        format!("central-oauth-{version}-image.tar.gz"),
        format!("central-oauth-chart-{version}.tgz"),
    ] {
        assert!(readme.contains(&file), "{file}");
    }
}

#[test]
fn what_the_package_leaves_behind_includes_the_secret_key() {
    let postrm = read("packaging/debian/postrm");
    let deleted: Vec<_> = postrm
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("rm"))
        .collect();
    let folder = "rmdir --ignore-fail-on-non-empty /etc/central-oauth 2>/dev/null || true";
    assert_eq!(deleted, ["rm -rf /var/lib/central-oauth", folder]);
}

#[test]
fn scripts_are_scripts() {
    for script in ["postinst", "postrm"] {
        let path = format!("packaging/debian/{script}");
        assert!(read(&path).starts_with("#!/bin/sh\nset -e\n"));
        output("sh", &["-n", &path]);
    }
    output("bash", &["-n", "packaging/release"]);
}

#[test]
fn image_and_release_link_statically_in_the_same_way() {
    let flags =
        "RUSTFLAGS=\"-C target-feature=+crt-static\" cargo build --release --locked --target";
    for path in ["Dockerfile", "packaging/release"] {
        assert!(read(path).contains(flags), "{path}");
    }
    let image = read("Dockerfile");
    let instructions: Vec<_> = image.lines().collect();
    let last = instructions
        .iter()
        .rposition(|line| line.starts_with("FROM "));
    let last = &instructions[last.unwrap()..];
    for expected in [
        "FROM scratch",
        "USER 65532:65532",
        "VOLUME /data",
        "CMD [\"serve\"]",
    ] {
        assert!(last.contains(&expected), "{expected}");
    }
    let health = last.iter().find(|line| line.starts_with("HEALTHCHECK "));
    let (_, patience) = health.unwrap().split_once("--start-period=").unwrap();
    let patience: u64 = patience.split_once('s').unwrap().0.parse().unwrap();
    assert!(patience > longest_migration(), "{patience} s");
}

#[tokio::test]
async fn a_linter_has_nothing_to_say_about_the_image() {
    let hadolint = modules("charts").await.join("bin/hadolint");
    assert_eq!(output(hadolint, &["Dockerfile"]), "");
}

/// Returns the environments of our services in what `compose` has read.
#[track_caller]
fn environments(read: &Output) -> Vec<Value> {
    assert!(read.status.success(), "{read:?}");
    // Compose must not print even a warning.
    assert_eq!(String::from_utf8_lossy(&read.stderr), "");
    let project: Value = serde_json::from_slice(&read.stdout).unwrap();
    let all = project["services"].as_object().unwrap().values();
    let ours = all.filter(|service| service["image"] == "central-oauth:latest");
    Vec::from_iter(ours.map(|service| service["environment"].clone()))
}

/// Returns what Compose reads from a copy of `docker-compose.yml`, beside an `.env` with this content, if any.
async fn compose(secrets: Option<&str>, shell: &[(&str, &str)], profile: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("docker-compose.yml", &read("docker-compose.yml"));
    if let Some(secrets) = secrets {
        write(".env", secrets);
    }
    let program = modules("charts").await.join("bin/docker-compose");
    let mut command = Command::new(program);
    command.args(["--profile", profile, "config", "--format", "json"]);
    let command = command.current_dir(&folder).env_clear();
    command.envs(shell.iter().copied()).output().unwrap()
}

#[tokio::test]
async fn compose_reads_secrets_from_the_env_file_or_the_shell() {
    let (name, value) = ("CENTRAL_OAUTH_OPERATOR_NAME", "Acme");
    let (key_name, key) = SECRET_KEY;
    let written = format!("{key_name}={key}\nPOSTGRES_PASSWORD=x\n{name}={value}\n");
    for (profile, services) in [("default", 1), ("scale", 3)] {
        for (secrets, shell) in [
            (Some(written.as_str()), &[][..]),
            (None, &[SECRET_KEY, ("POSTGRES_PASSWORD", "x")]),
        ] {
            let read = compose(secrets, shell, profile).await;
            let settings = environments(&read);
            assert_eq!(settings.len(), services, "{profile}");
            for settings in settings {
                assert_eq!(settings[key_name], key, "{profile}");
                // A variable that docker-compose.yml does not name.
                let expected = secrets.map_or(Value::Null, |_| Value::from(value));
                assert_eq!(settings[name], expected, "{profile}");
            }
        }
    }
    let without = compose(None, &[], "default").await;
    let said = String::from_utf8_lossy(&without.stderr);
    assert!(
        !without.status.success() && said.contains("put it into .env"),
        "{said}"
    );
}

#[tokio::test]
async fn compose_trusts_the_proxies_of_the_env_file_in_both_profiles() {
    let (key_name, key) = SECRET_KEY;
    let own = format!("{key_name}={key}\nPOSTGRES_PASSWORD=x\n");
    let added = format!("{own}CENTRAL_OAUTH_TRUSTED_PROXIES=192.0.2.1,192.0.2.2\n");
    for (profile, secrets, expected) in [
        ("default", &own, "10.203.0.1"),
        ("default", &added, "192.0.2.1,192.0.2.2"),
        ("scale", &own, "10.203.0.0/24"),
        ("scale", &added, "10.203.0.0/24,192.0.2.1,192.0.2.2"),
    ] {
        for settings in environments(&compose(Some(secrets), &[], profile).await) {
            assert_eq!(
                settings["CENTRAL_OAUTH_TRUSTED_PROXIES"], expected,
                "{profile}"
            );
        }
    }
}

#[test]
fn the_container_of_the_readme_has_as_long_to_stop_as_those_of_compose() {
    let seconds = |path: &str, option: &str| -> u64 {
        let text = read(path);
        let (_, rest) = text.split_once(option).unwrap();
        let seconds = rest.split(|c: char| !c.is_ascii_digit()).next();
        seconds.unwrap().parse().unwrap()
    };
    let of_compose = seconds("docker-compose.yml", "stop_grace_period: ");
    assert!(seconds("README.md", " --stop-timeout ") >= of_compose);
}

/// Runs the script that uses Helm and the schemas of Kubernetes.
async fn chart(arguments: &[&str]) -> String {
    let python = modules("charts").await.join("bin/python");
    let script = fixtures().join("charts/chart.py");
    output(python, &[&[script.to_str().unwrap()], arguments].concat())
}

/// Returns the valid objects of a file in `packaging/kubernetes`.
async fn manifest(name: &str) -> Vec<Value> {
    let path = format!("packaging/kubernetes/{name}.yaml");
    serde_json::from_str(&chart(&["read", &path]).await).unwrap()
}

/// Returns the variables that the ConfigMap sets.
fn settings(objects: &[Value]) -> Vec<(&str, &str)> {
    let data = object(objects, "ConfigMap")["data"].as_object().unwrap();
    data.iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect()
}

/// Returns the time limit of a migration, in seconds.
fn longest_migration() -> u64 {
    let source = read("adapters/store-seaorm/src/schema.rs");
    let (_, rest) = source
        .split_once("LONGEST_MIGRATION: Duration = Duration::from_secs(")
        .unwrap();
    rest.split_once(')').unwrap().0.parse().unwrap()
}

/// Returns the variables that are secrets.
fn secrets() -> Vec<String> {
    let source = read("src/config/environment.rs");
    let (_, list) = source.split_once("SECRETS: &[&str] = &[").unwrap();
    let (list, _) = list.split_once("];").unwrap();
    let names = list.split('"').skip(1).step_by(2);
    names.map(|name| format!("CENTRAL_OAUTH_{name}")).collect()
}

fn object<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    found.next().unwrap_or_else(|| panic!("no {kind}"))
}

#[tokio::test]
async fn manifests_are_valid_and_restricted() {
    let image = read("Dockerfile");
    for (name, replicas) in [("sqlite", 1), ("postgresql", 3)] {
        let objects = manifest(name).await;
        let spec = &object(&objects, "Deployment")["spec"];
        assert_eq!(spec["replicas"], replicas, "{name}");
        let pod = &spec["template"]["spec"];
        // Kubernetes' Pod Security Standards, profile "restricted".
        let context = &pod["securityContext"];
        assert_eq!(context["runAsNonRoot"], true, "{name}");
        assert_eq!(
            context["seccompProfile"]["type"], "RuntimeDefault",
            "{name}"
        );
        let user = context["runAsUser"].as_u64().unwrap();
        assert!(image.contains(&format!("USER {user}:{user}\n")), "{name}");
        let container = &pod["containers"][0];
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
        assert_eq!(context["capabilities"]["drop"][0], "ALL", "{name}");
        // A pod that is killed while it migrates rolls back and starts over, so the probe waits longer than any
        // migration.
        let probe = |field: &str| container["startupProbe"][field].as_u64().unwrap();
        let patience = probe("periodSeconds") * probe("failureThreshold");
        assert!(patience > longest_migration(), "{name}: {patience} s");
        assert_eq!(pod["enableServiceLinks"], false, "{name}");
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        let port = container["ports"][0]["containerPort"].as_u64().unwrap();
        assert!(image.contains(&format!("EXPOSE {port}\n")), "{name}");
        check(&[settings(&objects), vec![SECRET_KEY]].concat());
    }
}

#[tokio::test]
async fn the_document_backs_up_the_database_of_the_manifest() {
    let objects = manifest("sqlite").await;
    let deployment = object(&objects, "Deployment");
    let name = deployment["metadata"]["name"].as_str().unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let folder = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    let database = format!("{folder}/db.sqlite3");
    let setting = format!("CENTRAL_OAUTH_DB_PATH={database} ");
    assert!(read("Dockerfile").contains(&setting), "{setting}");
    let document = read("docs/DEPLOYMENT.md");
    for command in [
        format!("kubectl get deployment {name} --output=json"),
        format!("kubectl exec files -- cat {database} > central-oauth.sqlite3"),
        format!("rm -f {database}-wal {database}-shm"),
        format!("mv {folder}/restored {database}"),
    ] {
        assert!(document.contains(&command), "{command}");
    }
}

#[tokio::test]
async fn replicas_without_a_url_in_their_secret_do_not_start_on_a_file() {
    let objects = manifest("postgresql").await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_central-oauth"));
    let command = command.arg("migrate").env_clear();
    let migrated = command.envs(settings(&objects)).output().unwrap();
    let said = String::from_utf8_lossy(&migrated.stderr);
    let reason = "set-CENTRAL_OAUTH_DATABASE_URL-in-the-Secret";
    assert!(
        !migrated.status.success() && said.contains(reason),
        "{said}"
    );
}

#[cfg(target_arch = "x86_64")]
mod helm {
    use serde_json::json;

    use super::*;

    async fn render(values: Value) -> Vec<Value> {
        let rendered = chart(&["render", &values.to_string()]).await;
        serde_json::from_str(&rendered).unwrap()
    }

    #[tokio::test]
    async fn the_chart_is_well_formed_and_has_our_version() {
        chart(&["lint"]).await;
        let version = env!("CARGO_PKG_VERSION");
        for line in ["version", "appVersion"] {
            let line = format!("\n{line}: {version}\n");
            assert!(read("packaging/helm/central-oauth/Chart.yaml").contains(&line));
        }
    }

    #[tokio::test]
    async fn the_manifests_are_what_the_chart_renders() {
        for (name, values) in [
            ("sqlite", json!({})),
            (
                "postgresql",
                json!({ "sqlite": { "enabled": false }, "replicas": 3 }),
            ),
        ] {
            let mut rendered = render(values).await;
            for object in &mut rendered {
                // Annotations for Helm itself.
                object["metadata"]
                    .as_object_mut()
                    .unwrap()
                    .remove("annotations");
                if let Some(pod) = object.pointer_mut("/spec/template/metadata") {
                    pod.as_object_mut().unwrap().remove("annotations");
                }
            }
            let written = manifest(name).await;
            assert_eq!(written.len(), rendered.len(), "{name}");
            for object in &written {
                assert!(rendered.contains(object), "{name}: {object:#}");
            }
        }
    }

    #[tokio::test]
    async fn options_of_the_chart_are_valid() {
        let objects = render(json!({
            "sqlite": { "enabled": false },
            "replicas": 3,
            "metrics": true,
            "providers": "[work]\nissuer = \"https://login.example.com\"\nclient_id = \"x\"\n",
            "ingress": { "enabled": true, "className": "nginx", "tlsSecret": "tls" },
            "settings": { "CENTRAL_OAUTH_PUBLIC_URL": "https://tokens.example.org" },
            "extraVolumes": [{ "name": "operators", "secret": { "secretName": "operators" } }],
            "extraVolumeMounts": [{ "name": "operators", "mountPath": "/run/operators", "readOnly": true }],
        }))
        .await;
        let ingress = &object(&objects, "Ingress")["spec"];
        assert_eq!(ingress["rules"][0]["host"], "tokens.example.org");
        assert_eq!(ingress["tls"][0]["hosts"][0], "tokens.example.org");
        let pod = &object(&objects, "Deployment")["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["ports"][1]["containerPort"], 9464);
        let mounted = &pod["containers"][0]["volumeMounts"][0]["mountPath"];
        let named = |list: &Value, name: &str| {
            let mut list = list.as_array().unwrap().iter();
            list.any(|one| one["name"] == name)
        };
        assert!(named(&pod["volumes"], "operators"));
        assert!(named(&pod["containers"][0]["volumeMounts"], "operators"));
        let settings = &object(&objects, "ConfigMap")["data"];
        let providers = settings["CENTRAL_OAUTH_PROVIDERS"].as_str().unwrap();
        assert!(
            providers.starts_with(mounted.as_str().unwrap()),
            "{providers}"
        );
        object(&objects, "PodDisruptionBudget");
        assert!(
            objects
                .iter()
                .all(|object| object["kind"] != "PersistentVolumeClaim")
        );
    }

    #[tokio::test]
    async fn pods_follow_the_settings() {
        let objects = render(json!({
            "sqlite": { "enabled": false },
            "settings": {
                "CENTRAL_OAUTH_PUBLIC_URL": "https://auth.example.com",
                "CENTRAL_OAUTH_DB_PATH": "/mine/db.sqlite3",
                "CENTRAL_OAUTH_PROVIDER_TIMEOUT": "120",
                "CENTRAL_OAUTH_TLS_CERT_FILE": "/run/tls/tls.crt",
            },
        }))
        .await;
        let path = ("CENTRAL_OAUTH_DB_PATH", "/mine/db.sqlite3");
        assert!(settings(&objects).contains(&path));
        let pod = &object(&objects, "Deployment")["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let scheme = &container[probe]["httpGet"]["scheme"];
            assert_eq!(scheme, "HTTPS", "{probe}");
        }
        // The sleep, the provider timeout, 10 s to record the response and 5 s to end, with another 15 s to spare.
        let sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64();
        let grace = pod["terminationGracePeriodSeconds"].as_u64();
        assert_eq!(grace.unwrap(), sleep.unwrap() + 120 + 30);
    }

    #[test]
    fn the_chart_keeps_secrets_out_of_its_config_map() {
        let schema = read("packaging/helm/central-oauth/values.schema.json");
        let schema: Value = serde_json::from_str(&schema).unwrap();
        let settings = &schema["properties"]["settings"]["properties"];
        let secrets = secrets();
        assert!(secrets.len() > 10, "{secrets:?}");
        for name in secrets {
            assert_eq!(settings[&name], false, "{name}");
        }
    }

    #[tokio::test]
    async fn values_that_cannot_work_are_rejected() {
        let python = modules("charts").await.join("bin/python");
        let script = fixtures().join("charts/chart.py");
        let public = |url: &str| json!({ "CENTRAL_OAUTH_PUBLIC_URL": url });
        let secret = json!({
            "CENTRAL_OAUTH_PUBLIC_URL": "https://auth.example.com",
            "CENTRAL_OAUTH_SECRET_KEY": "0011",
        });
        let number = json!({
            "CENTRAL_OAUTH_PUBLIC_URL": "https://auth.example.com",
            "CENTRAL_OAUTH_REFRESH_AT_LEAST": 2_592_000,
        });
        for (values, reason) in [
            (json!({ "replicas": 2 }), "/replicas"),
            (json!({ "replica": 1 }), "replica"),
            (json!({ "settings": secret }), "CENTRAL_OAUTH_SECRET_KEY"),
            // Helm would write this number as 2.592e+06.
            (json!({ "settings": number }), "REFRESH_AT_LEAST"),
            (
                json!({ "settings": public("auth.example.com") }),
                "PUBLIC_URL",
            ),
            (
                json!({ "settings": public("https://example.com/auth"), "ingress": { "enabled": true } }),
                "has a path",
            ),
        ] {
            let mut render = Command::new(&python);
            let run = render
                .arg(&script)
                .args(["render", &values.to_string()])
                .output();
            let run = run.unwrap();
            let said = String::from_utf8_lossy(&run.stderr);
            assert!(
                !run.status.success() && said.contains(reason),
                "{values}: {said}"
            );
        }
    }
}
