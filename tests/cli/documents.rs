//! The output of the binary about itself, compared with the documents.

use std::collections::BTreeSet;

use super::machine::{Machine, Run, mode};

/// Reads a file of the repository.
fn read(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the variables that the binary knows, without the prefix.
pub(super) fn known_variables() -> BTreeSet<String> {
    let source = read("src/config/mod.rs");
    let (_, list) = source.split_once("KNOWN: &[&str] = &[").unwrap();
    let (list, _) = list.split_once("];").unwrap();
    let known: BTreeSet<_> = list
        .split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    assert!(known.len() > 20, "{known:?}");
    known
}

/// Returns the variables in the first column of the tables.
fn documented_variables() -> BTreeSet<String> {
    let text = read("docs/CONFIGURATION.md");
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `CENTRAL_OAUTH_"));
    let names = rows.filter_map(|row| row.split('`').next());
    names.map(str::to_owned).collect()
}

#[test]
fn every_variable_is_documented_and_every_documented_variable_is_known() {
    assert_eq!(documented_variables(), known_variables());
}

#[test]
fn every_variable_is_read() {
    let sources = [
        "audit",
        "client",
        "http",
        "keys",
        "kms",
        "links",
        "log",
        "operator_details",
        "operators",
        "providers/mod",
        "providers/table/mod",
        "secret_keys",
        "store",
        "telemetry",
        "tls",
        "webhooks",
        "workloads/mod",
    ];
    let sources: String = sources
        .iter()
        .map(|name| without_what_is_only_shown(&read(&format!("src/config/{name}.rs"))))
        .collect();
    for name in known_variables() {
        let named = sources.contains(&format!("\"{name}\""));
        let of_provider = name.strip_prefix("PROVIDER_");
        let of_provider = of_provider.map(|key| format!("text(\"{key}\")"));
        let is_read = named || of_provider.is_some_and(|read| sources.contains(&read));
        assert!(is_read, "nobody reads {name}");
    }
}

/// Leaves out the code that only shows the name of a variable: tests, errors and the list of the effective values.
fn without_what_is_only_shown(source: &str) -> String {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let (first, others) = source.split_once("fn effective").unwrap_or((source, ""));
    let ends = ["\n    }\n", "\n}\n"].map(|end| others.find(end));
    let end = ends.into_iter().flatten().min().unwrap_or_default();
    let read = first.to_owned() + &others[end..];
    let read: String = read.split_whitespace().collect();
    read.split("variable(\"")
        .enumerate()
        .map(|(n, part)| match (n, part.split_once('"')) {
            (1.., Some((_, rest))) => rest,
            _ => part,
        })
        .collect()
}

#[test]
fn variables_in_other_documents_are_known() {
    let known = known_variables();
    for path in [
        "README.md",
        "docs/BACKUP.md",
        "docs/DEPLOYMENT.md",
        "docs/OPERATIONS.md",
        "docs/POSTGRESQL.md",
        "docs/RECIPES.md",
        "docs/CONFIGURATION.md",
        "docker-compose.yml",
        "Dockerfile",
    ] {
        let text = read(path);
        let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
        let mentioned: Vec<_> = text
            .split("CENTRAL_OAUTH_")
            .skip(1)
            .filter_map(|rest| rest.split(|c| !is_name(c)).next())
            // `CENTRAL_OAUTH_PROVIDER_*` and the like stand for many.
            .filter(|name| !name.is_empty() && !name.ends_with('_'))
            .collect();
        assert!(!mentioned.is_empty(), "{path}");
        for name in mentioned {
            // Secrets may come from a file.
            let file_of = name.strip_suffix("_FILE");
            let is_known = known.contains(name) || file_of.is_some_and(|name| known.contains(name));
            assert!(is_known, "{path} mentions {name}");
        }
    }
}

#[test]
fn every_kind_of_audit_entry_is_documented() {
    let document = read("docs/OPERATIONS.md");
    for kind in central_oauth_domain::audit::AuditKind::ALL {
        let word = kind.as_str();
        assert!(document.contains(&format!("`{word}`")), "{word}");
    }
}

#[test]
fn every_threat_has_a_test() {
    let text = read("docs/THREATS.md");
    let named = text.split('`').skip(1).step_by(2);
    let named: Vec<_> = named.filter_map(|code| code.split_once("::")).collect();
    assert!(named.len() > 30, "{named:?}");
    for (path, test) in named {
        let source = read(path);
        assert!(
            source.contains(&format!("fn {test}(")),
            "{path} has no {test}"
        );
    }
}

#[tokio::test]
async fn openapi_prints_the_published_document() {
    let machine = Machine::new();
    for (arguments, path) in [
        (&["openapi"][..], "openapi/openapi.json"),
        (&["openapi", "--yaml"], "openapi/openapi.yaml"),
    ] {
        let run = machine.run(arguments).await.expect(0);
        assert_eq!(run.stderr, "");
        assert!(run.stdout == read(path), "{path} is out of date");
    }
}

#[tokio::test]
async fn openapi_may_be_read_in_part() {
    let machine = Machine::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = machine.command(&["openapi"]);
    let child = command.stdout(writer).spawn().unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[tokio::test]
async fn help_names_the_commands_and_the_exit_codes() {
    let machine = Machine::new();
    let Run { stdout: help, .. } = machine.run(&["--help"]).await.expect(0);
    for command in [
        "serve", "dev", "link", "exec", "token", "keys", "openapi", "migrate", "wrap-key",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        let own = machine.run(&[command, "--help"]).await.expect(0);
        assert!(own.stdout.contains("Usage: central-oauth"), "{own:?}");
        // Such a line shows a variable without a description.
        let is_bare = |line: &str| {
            let variable = line.strip_prefix("  ");
            variable.is_some_and(|line| !line.starts_with(' ') && line.trim_end().ends_with(':'))
        };
        assert!(!own.stdout.lines().any(is_bare), "{own:?}");
    }
    let serve = machine.run(&["serve", "--help"]).await.expect(0).stdout;
    for variable in ["NAME", "CONTACT", "LOGO_FILE"] {
        let line = format!("\n  CENTRAL_OAUTH_OPERATOR_{variable}: ");
        assert!(serve.contains(&line), "{serve}");
    }
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    let codes: Vec<_> = codes
        .lines()
        .filter_map(|line| line.trim().split(' ').next())
        .collect();
    assert_eq!(
        codes,
        [
            "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "126", "127"
        ]
    );
}

#[tokio::test]
async fn version_is_that_of_the_package() {
    let run = Machine::new().run(&["--version"]).await.expect(0);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(run.stdout, format!("central-oauth {version}\n"));
}

#[test]
fn one_service_of_each_profile_builds_the_image_and_none_pulls_it() {
    let text = read("docker-compose.yml");
    let (_, services) = text.split_once("\nservices:\n").unwrap();
    let mut service = "";
    let mut builders = Vec::new();
    for line in services.lines() {
        if let Some((name, _)) = line
            .strip_prefix("  ")
            .and_then(|rest| rest.split_once(':'))
            && !name.starts_with([' ', '#'])
        {
            service = name;
        }
        if line.starts_with("    build:") {
            builders.push(service);
        }
    }
    // Two services that build the same image at the same time would collide, so only one of each profile builds.
    assert_eq!(builders, ["central-oauth", "central-oauth-1"]);
    let (shared, _) = text.split_once("\nx-settings:").unwrap();
    assert!(!shared.contains("build:"), "{shared}");
    assert!(shared.contains("pull_policy: never"), "{shared}");
}

/// Runs the commands in the comment of `docker-compose.yml` twice.
#[test]
fn the_secrets_for_compose_are_private_and_made_once() {
    let text = read("docker-compose.yml");
    let commands = text.lines().map_while(|line| line.strip_prefix('#'));
    let commands = commands.filter_map(|line| line.strip_prefix("   "));
    let commands = commands.filter(|line| !line.starts_with("docker"));
    let commands = Vec::from_iter(commands).join("\n");
    let machine = Machine::new();
    let secrets = machine.work().join(".env");
    let mut made = Vec::new();
    for _ in 0..2 {
        let mut shell = std::process::Command::new("sh");
        let shell = shell.args(["-euc", &format!("umask 022\n{commands}")]);
        assert!(
            shell
                .current_dir(machine.work())
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(mode(&secrets), 0o600);
        made.push(std::fs::read_to_string(&secrets).unwrap());
    }
    assert_eq!(made[0].lines().count(), 2, "{commands}");
    assert_eq!(made[0], made[1]);
}

#[tokio::test]
async fn the_file_that_operators_are_told_to_copy_is_the_one_of_the_image() {
    let dockerfile = read("Dockerfile");
    let (_, rest) = dockerfile.split_once("CENTRAL_OAUTH_DB_PATH=").unwrap();
    let file = rest.split_whitespace().next().unwrap();
    let help = Machine::new().run(&["copy", "--help"]).await.expect(0);
    for text in [
        read("docs/POSTGRESQL.md"),
        read("docs/DEPLOYMENT.md"),
        help.stdout,
    ] {
        let named: Vec<_> = text
            .split("/data/")
            .skip(1)
            .filter_map(|rest| rest.split_once(".sqlite3"))
            .filter(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
            .map(|(name, _)| format!("/data/{name}.sqlite3"))
            .collect();
        assert!(!named.is_empty(), "{text}");
        assert!(named.iter().all(|name| name == file), "{named:?}");
    }
}

#[tokio::test]
async fn taking_a_migration_back_is_documented_with_all_that_it_needs() {
    let text = read("docs/POSTGRESQL.md");
    let (_, documented) = text.split_once("`central-oauth migrate down").unwrap();
    let (options, _) = documented.split_once('`').unwrap();
    let mut down = vec!["migrate", "down"];
    down.extend(options.split_whitespace());
    // The command accepts the options, and finds no database.
    let run = Machine::new().run(&down).await.expect(1);
    assert!(run.stderr.contains("there is no database"), "{run:?}");
}

#[tokio::test]
async fn completions_and_man_pages_know_every_command() {
    let machine = Machine::new();
    for shell in ["bash", "zsh", "fish"] {
        let run = machine.run(&["completions", shell]).await.expect(0);
        for word in ["exec", "revocations", "min-ttl"] {
            assert!(run.stdout.contains(word), "{shell}");
        }
    }
    let run = machine.run(&["man"]).await.expect(0);
    assert!(run.stdout.contains(".TH central-oauth 1"), "{}", run.stdout);
    assert!(run.stdout.contains("Exit codes:"), "{}", run.stdout);
    machine.run(&["man", "pages"]).await.expect(0);
    let wrong = "pages/central-oauth.1/pages";
    let run = machine.run(&["man", wrong]).await.expect(1);
    assert!(run.only_line().contains(wrong), "{run:?}");
    let pages = super::machine::names(&machine.work().join("pages"));
    for page in [
        "central-oauth.1",
        "central-oauth-exec.1",
        "central-oauth-keys-create.1",
    ] {
        assert!(pages.iter().any(|name| name == page), "{pages:?}");
    }
}

/// Returns the anchors of the headings of a document, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let kept = words.chars().filter(kept);
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(slug).collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = vec![root.join("README.md"), root.join("packaging/README.md")];
    let docs = std::fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    documents.extend(docs.filter(|path| path.extension().is_some_and(|end| end == "md")));
    let mut followed = 0;
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        let links = text.split("](").skip(1);
        let links = links.filter_map(|rest| Some(rest.split_once(')')?.0));
        for link in links.filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => document.clone(),
                file => document.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: {link}", document.display());
            if !anchor.is_empty() {
                let there = anchors(&std::fs::read_to_string(&target).unwrap());
                assert!(there.contains(anchor), "{}: {link}", document.display());
            }
            followed += 1;
        }
    }
    assert!(followed > 100, "{followed}");
}
