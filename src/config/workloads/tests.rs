use std::collections::BTreeSet;

use super::*;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::workload::{Permission, Preset, Rule};
use central_oauth_provider_openidconnect::ProviderSettings;

const GOOD: &str = r#"
[issuer.github]
preset = "github-actions"

[workload.nightly]
issuer = "github"
provider = "google"
may = ["link", "token"]
claims = { repository_id = "74", ref = ["refs/heads/main", "refs/heads/next"] }
"#;

fn read(text: &str, public_url: Option<&str>) -> Result<WorkloadConfig, String> {
    let settings = ProviderSettings::new(ProviderName::new("google"), "client");
    let providers = ProviderConfig::built_in(settings);
    let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    file.validated(public_url, &providers, "workloads.toml".to_owned())
        .map_err(|(table, problem)| format!("{table}: {problem}"))
}

#[test]
fn a_policy_is_read() {
    let config = read(GOOD, Some("https://auth.example.com/")).unwrap();
    let [issuer] = config.issuers.as_slice() else {
        panic!("one issuer");
    };
    assert_eq!(issuer.url, "https://token.actions.githubusercontent.com");
    assert_eq!(
        issuer.audience, "https://auth.example.com/",
        "as it is written"
    );
    assert_eq!(issuer.preset, Preset::GithubActions);
    let [policy] = config.policies.as_slice() else {
        panic!("one policy");
    };
    assert!(policy.allows(Permission::Link, &ProviderName::new("google")));
    assert_eq!(policy.claims["ref"], ["refs/heads/main", "refs/heads/next"]);
    assert!(!policy.allows_pull_requests);
}

#[test]
fn mistakes_are_named() {
    let url = Some("https://auth.example.com");
    let mistake =
        |from: &str, to: &str| read(&GOOD.replace(from, to), url).err().unwrap_or_default();
    for (from, to, words) in [
        (
            "github-actions",
            "github",
            "preset is not one of github-actions, gitlab",
        ),
        ("preset", "preset_", "unknown field"),
        (
            "issuer = \"github\"",
            "issuer = \"gitlab\"",
            "[issuer.NAME]",
        ),
        ("\"google\"", "\"other\"", "configured (google)"),
        ("\"token\"", "\"read\"", "may is"),
        ("[\"link\", \"token\"]", "[]", "may is empty"),
        ("repository_id = \"74\", ", "", "everybody has jobs"),
        ("\"74\"", "74", "a text or a list of texts"),
        ("\"74\"", "\"\"", "claims.repository_id has no value"),
        ("refs/heads/next", "refs/heads/*", "has a *"),
        (
            "[workload.nightly]",
            "[workload.nightly]\npattern = true",
            "unknown field",
        ),
        (
            "actions\"",
            "actions\"\naudience = \"https://github.com/octo\"",
            "address of an owner",
        ),
        (
            "actions\"",
            "actions\"\nimmutable = [\"sub\"]",
            "preset oidc only",
        ),
        (
            "actions\"",
            "actions\"\njwks_uri = \"x\"",
            "jwks_uri is not a URL",
        ),
        ("github-actions", "kubernetes", "issuer is missing"),
        (
            "preset = \"github-actions\"",
            "preset = \"oidc\"\nimmutable = [\"sub\"]\nissuer = \"https://token.actions.githubusercontent.com\"",
            "use the preset github-actions",
        ),
        (
            "preset = \"github-actions\"",
            "preset = \"oidc\"\nissuer = \"https://token.actions.githubusercontent.com/octo-enterprise\"",
            "use the preset github-actions",
        ),
    ] {
        let message = mistake(from, to);
        assert!(message.contains(words), "{to}: {message}");
    }
    let twice = format!("{GOOD}\n[issuer.again]\npreset = \"github-actions\"\n");
    assert!(read(&twice, url).is_err_and(|message| message.contains("same issuer")));
    let none = "[issuer.github]\npreset = \"github-actions\"\n";
    assert!(read(none, url).is_err_and(|message| message.contains("[workload.NAME]")));
}

#[test]
fn tokens_must_be_made_for_this_service() {
    let message = read(GOOD, None).err().unwrap_or_default();
    assert!(message.contains("CENTRAL_OAUTH_PUBLIC_URL"), "{message}");
    let own = GOOD.replace("actions\"", "actions\"\naudience = \"central-oauth\"");
    let config = read(&own, None).unwrap();
    assert_eq!(config.issuers[0].audience, "central-oauth");
}

const DOCUMENT: &str = include_str!("../../../docs/WORKLOADS.md");

#[test]
fn the_documented_files_are_read() {
    let blocks = DOCUMENT.split("```toml\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap_or_default());
    let mut presets = Vec::new();
    for block in blocks {
        let config = read(block, Some("https://auth.example.com"));
        let config = config.unwrap_or_else(|problem| panic!("{problem} in {block}"));
        presets.extend(config.issuers.iter().map(|issuer| issuer.preset));
    }
    for &preset in Preset::ALL {
        let is_shown = presets.contains(&preset) || preset == Preset::Oidc;
        assert!(is_shown, "no example for {}", preset.as_str());
    }
}

#[test]
fn the_document_has_all_rules() {
    let table = DOCUMENT.split("## What is refused").nth(1).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.filter_map(|row| row.split(" |").next());
    let names = names.flat_map(|cell| cell.split(", "));
    let documented: Vec<_> = names.map(|name| name.trim_matches('`')).collect();
    let rules: Vec<_> = Rule::ALL.iter().map(|rule| rule.as_str()).collect();
    assert_eq!(BTreeSet::from_iter(documented), BTreeSet::from_iter(rules));
}
