//! Generates the second part of `docs/PROVIDERS.md` from the presets.

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
    let how = "cargo test --workspace --test provider write_the_document -- --ignored";
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
    text += "\n| preset | provider | flows | keys |\n| --- | --- | --- | --- |\n";
    for (name, profile) in &profiles {
        text += &row(name, profile);
    }
    for (name, profile) in &profiles {
        section(&mut text, name, profile);
    }
    text
}

fn row(name: &str, profile: &Profile) -> String {
    let cells = [
        format!("[`{name}`](#{name})"),
        profile.name.clone(),
        flows(profile),
        keys(profile),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn section(text: &mut String, name: &str, profile: &Profile) {
    write!(text, "\n### {name}\n\n").unwrap();
    for (key, placeholder) in &profile.placeholders {
        let default = placeholder.default.as_ref();
        let default = default.map(|value| format!(" (`{value}` by default)"));
        let needed = if placeholder.optional {
            " (optional)"
        } else {
            ""
        };
        let default = default.unwrap_or_else(|| needed.to_owned());
        writeln!(text, "- `{key}`: {}{default}", placeholder.what).unwrap();
    }
    for (what, words) in lines(profile) {
        writeln!(text, "- {what}: {words}").unwrap();
    }
    text.push_str("\nSetup:\n\n");
    for step in &profile.setup.steps {
        writeln!(text, "- {step}").unwrap();
    }
}

/// Returns the facts of a preset, each with its title.
fn lines(profile: &Profile) -> Vec<(&'static str, String)> {
    let (facts, scopes) = (&profile.facts, &profile.quirks.scopes);
    let list = |scopes: &[String]| {
        let quoted: Vec<_> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
        Some(quoted.join(", ")).filter(|_| !scopes.is_empty())
    };
    let explained = profile.scope_words.keys().filter(|scope| !scope.is_empty());
    let explained = Some(explained.count()).filter(|count| *count > 0);
    let any = |scopes| list(scopes).map(|text| text.replace(", ", " or "));
    let all = [
        ("Default scopes", list(&profile.scopes)),
        ("Scope for a refresh token", any(&scopes.for_refresh)),
        ("Scope to identify the person", any(&scopes.for_identity)),
        (
            "Scopes that the device flow can grant",
            list(&scopes.device_flow_gives),
        ),
        (
            "Scopes explained on the consent page",
            explained.map(|count| count.to_string()),
        ),
        (
            "Text on the page when no scopes are requested",
            profile.scope_words.get("").cloned(),
        ),
        ("Returned to clients as `extra`", list(&profile.extra)),
        ("Access token lifetime", facts.access_token.clone()),
        ("Refresh token lifetime", facts.refresh_token.clone()),
        ("End of the grant", grant_end(profile)),
        ("Rotation", facts.rotation.clone()),
        (
            "Grace period of a used refresh token",
            facts.reuse_grace.clone(),
        ),
        (
            "Old access token after a refresh",
            facts.previous_access_token.clone(),
        ),
        ("Revocation", Some(revocation(profile))),
        ("Effect of revoking", facts.revocation.clone()),
        ("People revoke at", facts.revoke_at.clone()),
        ("Limits", facts.limits.clone()),
        ("Special behaviour", behaviour(&profile.quirks)),
    ];
    let said = all
        .into_iter()
        .filter_map(|(what, words)| Some((what, words?)));
    said.collect()
}

/// Returns the text of the profile about the end of a grant, or a text generated from the quirk `grant_lasts`.
fn grant_end(profile: &Profile) -> Option<String> {
    let lasts = profile.quirks.refresh.grant_lasts;
    let told = lasts.map(|seconds| {
        let days = seconds / (24 * 60 * 60);
        format!("{days} days after consent (`grant_expires_at`)")
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
    if !profile.endpoints.contains_key("revocation_endpoint") {
        // Discovery may find a revocation endpoint.
        let is_known = profile.issuer.is_none() || profile.facts.revoke_at.is_some();
        return if is_known {
            "none"
        } else {
            "if the metadata contains an endpoint"
        }
        .to_owned();
    }
    let style = match (quirks.delete, quirks.token_in) {
        (true, _) => "DELETE with JSON",
        (_, TokenPlace::Form) => "RFC 7009",
        (_, TokenPlace::Json) => "JSON",
        (_, TokenPlace::Bearer) => "a request with the token as bearer",
    };
    let takes = match quirks.takes {
        None => "",
        Some(TokenType::AccessToken) => ", access tokens only",
        Some(TokenType::RefreshToken) => ", refresh tokens only",
    };
    let auth = match quirks.auth_method {
        Some(RevocationAuth::ClientSecretBasic) => ", with the client secret",
        Some(RevocationAuth::ClientId) => ", with the client id only",
        Some(RevocationAuth::None) => ", without client authentication",
        None => "",
    };
    let leaves = if quirks.leaves_grant {
        "; the refresh token stays valid"
    } else {
        ""
    };
    format!("{style}{takes}{auth}{leaves}")
}

/// Describes the enabled quirks.
fn behaviour(quirks: &Quirks) -> Option<String> {
    let (device, refresh) = (&quirks.device, &quirks.refresh);
    let all = [
        (quirks.authorization.refuses_pkce, "rejects PKCE"),
        (
            quirks.authorization.refuses_pkce_with_secret,
            "accepts PKCE only from clients without a secret",
        ),
        (quirks.authorization.omits_nonce, "ID tokens have no nonce"),
        (
            quirks.authorization.needs_no_prompt,
            "issues refresh tokens without prompt=consent",
        ),
        (
            device.refuses_secret,
            "rejects the client secret in the device flow",
        ),
        (
            device.times_in_milliseconds,
            "device flow times in milliseconds",
        ),
        (
            device.grant_type.is_some(),
            "its own grant type for the device flow",
        ),
        (
            quirks.scopes.in_callback,
            "only the callback names the granted scopes",
        ),
        (quirks.token.json_requests, "token requests in JSON"),
        (
            !quirks.token.bearer_types.is_empty(),
            "other names for the token type Bearer",
        ),
        (
            quirks.token.default_expires_in.is_some(),
            "responses without expires_in",
        ),
        (
            refresh.dead_is_doubtful,
            "one invalid_grant does not end a grant, only repeated ones",
        ),
        (
            !quirks.errors.doubtful.is_empty(),
            "some causes of invalid_grant end a grant only if they persist",
        ),
        (
            quirks.identity.issuer_template.is_some(),
            "one issuer for many tenants",
        ),
    ];
    let on = all
        .into_iter()
        .filter_map(|(is_on, words)| is_on.then_some(words));
    Some(on.collect::<Vec<_>>().join("; ")).filter(|words| !words.is_empty())
}
