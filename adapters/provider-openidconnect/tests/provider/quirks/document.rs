//! `docs/PROVIDERS.md` says what the files say.

use std::fmt::Write;
use std::fs;

use central_oauth_provider_openidconnect::quirks::{Quirks, RevocationAuth, TokenPlace, TokenType};
use central_oauth_provider_openidconnect::{Flow, Profile};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PROVIDERS.md");
const START: &str = "<!-- generated from adapters/provider-openidconnect/profiles -->\n";

#[test]
fn the_document_is_up_to_date() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (_, generated) = document.split_once(START).expect("the mark");
    let how = "cargo test -p central-oauth-provider-openidconnect write_the_document -- --ignored";
    assert!(generated == written(), "out of date: run {how}");
}

#[test]
#[ignore = "writes docs/PROVIDERS.md"]
fn write_the_document() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (by_hand, _) = document.split_once(START).expect("the mark");
    fs::write(DOCUMENT, format!("{by_hand}{START}{}", written())).unwrap();
}

fn written() -> String {
    let mut text = String::new();
    let profiles: Vec<_> = Profile::names()
        .map(|name| (name, Profile::named(name).unwrap()))
        .collect();
    text += "\n| preset | provider | flows | keys | refresh tokens | revocation |\n| --- | --- | --- | --- | --- | --- |\n";
    for (name, profile) in &profiles {
        text += &row(name, profile);
    }
    for (name, profile) in &profiles {
        section(&mut text, name, profile);
    }
    text
}

fn row(name: &str, profile: &Profile) -> String {
    let facts = &profile.facts;
    let refresh = facts.refresh_token.as_deref().unwrap_or("none");
    let cells = [
        format!("[`{name}`](#{name})"),
        profile.name.clone(),
        flows(profile),
        keys(profile),
        refresh.to_owned(),
        revocation(profile),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn section(text: &mut String, name: &str, profile: &Profile) {
    write!(
        text,
        "\n## {name}\n\n{}. Flows: {}.\n\n",
        profile.name,
        flows(profile)
    )
    .unwrap();
    for (key, placeholder) in &profile.placeholders {
        let default = placeholder.default.as_ref();
        let default = default.map(|value| format!(" (`{value}` by default)"));
        let needed = if placeholder.optional {
            " (may be left out)"
        } else {
            ""
        };
        let default = default.unwrap_or_else(|| needed.to_owned());
        writeln!(text, "- `{key}`: {}{default}", placeholder.what).unwrap();
    }
    for (what, words) in lines(profile) {
        writeln!(text, "- {what}: {words}").unwrap();
    }
    text.push_str("\nFirst, at the provider:\n\n");
    for step in &profile.setup.steps {
        writeln!(text, "- {step}").unwrap();
    }
    if !profile.quirks.advice.is_empty() {
        text.push_str("\n| the provider says | what to do |\n| --- | --- |\n");
        for (said, advice) in &profile.quirks.advice {
            writeln!(text, "| `{said}` | {advice} |").unwrap();
        }
    }
    text.push_str("\nSources:\n\n");
    for (key, source) in &profile.sources {
        writeln!(text, "- {key}: {source}").unwrap();
    }
}

/// What there is to say, by what it is about.
fn lines(profile: &Profile) -> Vec<(&'static str, String)> {
    let (facts, scopes) = (&profile.facts, &profile.quirks.scopes);
    let list = |scopes: &[String]| {
        let quoted: Vec<_> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
        Some(quoted.join(", ")).filter(|_| !scopes.is_empty())
    };
    let any = |scopes| list(scopes).map(|text| text.replace(", ", " or "));
    let all = [
        ("Scopes unless others are listed", list(&profile.scopes)),
        ("Scope needed for a refresh token", any(&scopes.for_refresh)),
        ("Scope needed to know the person", any(&scopes.for_identity)),
        ("Scopes of the device flow", list(&scopes.device_flow_gives)),
        ("Given to clients as `extra`", list(&profile.extra)),
        ("Access tokens last", facts.access_token.clone()),
        ("Refresh tokens last", facts.refresh_token.clone()),
        ("Grants end", grant_end(profile)),
        ("Rotation", facts.rotation.clone()),
        (
            "A used refresh token still serves",
            facts.reuse_grace.clone(),
        ),
        (
            "After a refresh the old access token",
            facts.previous_access_token.clone(),
        ),
        ("Revocation", Some(revocation(profile))),
        ("Revoking", facts.revocation.clone()),
        ("People can revoke at", facts.revoke_at.clone()),
        ("Limits", facts.limits.clone()),
        ("Behaviour", behaviour(&profile.quirks)),
    ];
    let said = all
        .into_iter()
        .filter_map(|(what, words)| Some((what, words?)));
    said.collect()
}

/// In the profile's own words, or as its quirk has it.
fn grant_end(profile: &Profile) -> Option<String> {
    let lasts = profile.quirks.refresh.grant_lasts;
    let told = lasts.map(|seconds| {
        let days = seconds / (24 * 60 * 60);
        format!("{days} days after consent, whatever is done: `grant_expires_at` tells when")
    });
    profile.facts.grant.clone().or(told)
}

fn flows(profile: &Profile) -> String {
    let names = profile.flows.iter().map(|flow| match flow {
        Flow::Device => "`device`",
        Flow::AuthorizationCode => "`authorization_code`",
    });
    names.collect::<Vec<_>>().join(", ")
}

fn keys(profile: &Profile) -> String {
    let keys = profile.placeholders.iter().map(|(key, placeholder)| {
        let is_needed = placeholder.default.is_none() && !placeholder.optional;
        format!("`{key}`{}", if is_needed { " (needed)" } else { "" })
    });
    keys.collect::<Vec<_>>().join(", ")
}

fn revocation(profile: &Profile) -> String {
    let quirks = &profile.quirks.revocation;
    if profile.endpoints.revocation_endpoint.is_none() {
        // What is discovered may name one.
        let is_known = profile.issuer.is_none() || profile.facts.revoke_at.is_some();
        return if is_known {
            "none"
        } else {
            "as the metadata says"
        }
        .to_owned();
    }
    let style = match (quirks.delete, quirks.token_in) {
        (true, _) => "DELETE with JSON",
        (_, TokenPlace::Form) => "RFC 7009",
        (_, TokenPlace::Json) => "JSON",
        (_, TokenPlace::Bearer) => "the token revokes itself",
    };
    let takes = match quirks.takes {
        None => "",
        Some(TokenType::AccessToken) => ", access tokens",
        Some(TokenType::RefreshToken) => ", refresh tokens",
    };
    let auth = match quirks.auth_method {
        Some(RevocationAuth::ClientSecretBasic) => ", with the secret",
        Some(RevocationAuth::ClientId) => ", with the client id alone",
        Some(RevocationAuth::None) => ", without the client",
        None => "",
    };
    let leaves = if quirks.leaves_grant {
        "; a refresh token lives on"
    } else {
        ""
    };
    format!("{style}{takes}{auth}{leaves}")
}

/// The switches that are on.
fn behaviour(quirks: &Quirks) -> Option<String> {
    let (device, refresh) = (&quirks.device, &quirks.refresh);
    let all = [
        (quirks.authorization.refuses_pkce, "refuses PKCE"),
        (
            quirks.authorization.refuses_pkce_with_secret,
            "takes PKCE of clients without a secret only",
        ),
        (
            quirks.authorization.omits_nonce,
            "ID tokens come without a nonce",
        ),
        (
            quirks.authorization.needs_no_prompt,
            "gives refresh tokens without prompt=consent",
        ),
        (
            device.refuses_secret,
            "refuses the secret in the device flow",
        ),
        (
            device.times_in_milliseconds,
            "device flow times in milliseconds",
        ),
        (
            device.grant_type.is_some(),
            "a device grant type of its own",
        ),
        (quirks.token.json_requests, "token requests in JSON"),
        (
            !quirks.token.bearer_types.is_empty(),
            "other names for bearer tokens",
        ),
        (quirks.token.default_expires_in.is_some(), "no expires_in"),
        (
            refresh.dead_is_doubtful,
            "invalid_grant is believed only when it stays",
        ),
        (
            quirks.identity.issuer_template.is_some(),
            "an issuer for many tenants",
        ),
    ];
    let on = all
        .into_iter()
        .filter_map(|(is_on, words)| is_on.then_some(words));
    Some(on.collect::<Vec<_>>().join("; ")).filter(|words| !words.is_empty())
}
