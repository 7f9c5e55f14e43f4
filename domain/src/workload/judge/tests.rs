use std::time::Duration;

use super::super::{ClaimList, ClaimValue, Claims, Preset, Rule, TrustedIssuer};
use super::{CLOCK_SKEW, LONGEST_LIFETIME};
use crate::time::Timestamp;

const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1000)
}

fn issuer(preset: Preset) -> TrustedIssuer {
    TrustedIssuer {
        name: "platform".to_owned(),
        url: "https://issuer.example".to_owned(),
        preset,
        audience: "https://auth.example".to_owned(),
        immutable_claims: preset
            .immutable_claims()
            .iter()
            .map(|it| (*it).to_owned())
            .collect(),
    }
}

fn text(value: &str) -> ClaimValue {
    ClaimValue::Text(value.to_owned())
}

/// Returns the documented claims of a platform's token.
fn claims(preset: Preset) -> Vec<(&'static str, ClaimValue)> {
    let mut claims = vec![
        ("iss", text("https://issuer.example")),
        ("aud", text("https://auth.example")),
        ("iat", ClaimValue::Number(NOW - 10)),
        ("exp", ClaimValue::Number(NOW + 290)),
        ("jti", text("one")),
    ];
    let own: &[(&str, &str)] = match preset {
        Preset::GithubActions => &[
            ("sub", "repo:octo/app:ref:refs/heads/main"),
            ("repository", "octo/app"),
            ("repository_id", "74"),
            ("repository_owner_id", "65"),
            ("event_name", "push"),
            ("workflow", "nightly"),
            ("run_id", "1658"),
        ],
        Preset::Gitlab => &[
            ("sub", "project_path:octo/app:ref_type:branch:ref:main"),
            ("project_id", "20"),
            ("job_project_id", "20"),
            ("project_path", "octo/app"),
            ("pipeline_source", "push"),
        ],
        Preset::Kubernetes => &[
            ("sub", "system:serviceaccount:prod:backup"),
            ("kubernetes.io/namespace", "prod"),
            ("kubernetes.io/serviceaccount/name", "backup"),
            ("kubernetes.io/serviceaccount/uid", "14ee3fa4"),
        ],
        Preset::Spiffe => &[("sub", "spiffe://example.org/billing")],
        Preset::Buildkite => &[
            ("sub", "organization:octo:pipeline:app:ref:refs/heads/main"),
            ("organization_id", "0184"),
            ("organization_slug", "octo"),
            ("pipeline_id", "0185"),
            ("pipeline_slug", "app"),
            ("build_number", "7"),
        ],
        Preset::Circleci => &[
            ("sub", "org/1/project/2/user/3"),
            ("oidc.circleci.com/project-id", "2"),
            ("oidc.circleci.com/job-id", "4"),
            ("oidc.circleci.com/vcs-origin", "github.com/octo/app"),
        ],
        Preset::Oidc => &[("sub", "job-7")],
    };
    claims.extend(own.iter().map(|(name, value)| (*name, text(value))));
    claims
}

fn judged(preset: Preset, changes: &[(&str, Option<ClaimValue>)]) -> Result<super::ValidJwt, Rule> {
    let mut kept = Claims::default();
    for (name, value) in claims(preset) {
        if !changes.iter().any(|(changed, _)| *changed == name) {
            kept.insert(name.to_owned(), value).unwrap();
        }
    }
    for (name, value) in changes {
        if let Some(value) = value {
            kept.insert((*name).to_owned(), value.clone()).unwrap();
        }
    }
    issuer(preset)
        .judge(&kept, now())
        .map_err(|refusal| refusal.rule)
}

#[test]
fn every_platform_is_accepted_and_bound_to_what_stays() {
    for &preset in Preset::ALL {
        let judged = judged(preset, &[]).unwrap();
        let bound: Vec<_> = judged
            .bound
            .iter()
            .map(|(name, _)| name.to_owned())
            .collect();
        assert_eq!(bound, preset.immutable_claims());
        assert!(!judged.is_of_pull_request);
        assert_eq!(judged.jti.as_deref(), Some("one"));
    }
}

#[test]
fn people_see_what_each_platform_calls_its_jobs() {
    for (preset, expected) in [
        (
            Preset::GithubActions,
            &[
                ("repository", "octo/app"),
                ("workflow", "nightly"),
                ("run", "1658"),
            ][..],
        ),
        (
            Preset::Buildkite,
            &[("organization", "octo"), ("pipeline", "app"), ("run", "7")],
        ),
        (
            Preset::Circleci,
            &[
                ("repository", "github.com/octo/app"),
                ("project", "2"),
                ("run", "4"),
            ],
        ),
    ] {
        let shown = judged(preset, &[]).unwrap().shown;
        assert_eq!(shown, expected.iter().copied().collect::<ClaimList>());
    }
}

#[test]
fn what_names_a_workload_for_good_is_needed() {
    for &preset in Preset::ALL {
        for name in preset.immutable_claims() {
            for value in [
                None,
                Some(text("")),
                Some(ClaimValue::Other),
                Some(ClaimValue::Texts(vec![])),
            ] {
                let refused = judged(preset, &[(name, value)]).unwrap_err();
                let is_fork = preset == Preset::Gitlab;
                assert_eq!(
                    refused,
                    if is_fork {
                        Rule::Fork
                    } else {
                        Rule::ImmutableClaims
                    }
                );
            }
        }
    }
    for id in [
        "https://example.org/billing",
        "spiffe://example.org",
        "spiffe:///billing",
    ] {
        let refused = judged(Preset::Spiffe, &[("sub", Some(text(id)))]);
        assert_eq!(refused.unwrap_err(), Rule::ImmutableClaims, "{id}");
    }
}

#[test]
fn the_audience_is_one_and_ours_byte_for_byte() {
    let judge = |aud: Option<ClaimValue>| judged(Preset::Oidc, &[("aud", aud)]).map(drop);
    let list = |all: &[&str]| {
        Some(ClaimValue::Texts(
            all.iter().map(|it| (*it).to_owned()).collect(),
        ))
    };
    assert_eq!(judge(list(&["https://auth.example"])), Ok(()));
    assert_eq!(
        judge(list(&["https://auth.example", "https://other.example"])),
        Err(Rule::OneAudience)
    );
    assert_eq!(
        judge(list(&["https://auth.example", "https://auth.example"])),
        Err(Rule::OneAudience)
    );
    for missing in [
        None,
        list(&[]),
        Some(ClaimValue::Number(1)),
        Some(ClaimValue::Other),
    ] {
        assert_eq!(judge(missing), Err(Rule::Required));
    }
    for other in [
        "https://auth.example/",
        "https://AUTH.example",
        "http://auth.example",
        "https://auth.example.evil",
        "",
    ] {
        assert_eq!(judge(Some(text(other))), Err(Rule::Audience), "{other}");
    }
}

#[test]
fn times_decide() {
    let judge = |changes: &[(&str, Option<ClaimValue>)]| judged(Preset::Oidc, changes).map(drop);
    let at = |seconds: i64| Some(ClaimValue::Number(NOW + seconds));
    let skew = i64::try_from(CLOCK_SKEW.as_secs()).unwrap();
    let longest = i64::try_from(LONGEST_LIFETIME.as_secs()).unwrap();
    for (changes, expected) in [
        (vec![("exp", at(1))], Ok(())),
        (vec![("exp", at(0))], Err(Rule::Expiry)),
        (vec![("exp", at(-1))], Err(Rule::Expiry)),
        (vec![("exp", None)], Err(Rule::Required)),
        (vec![("iat", None)], Err(Rule::Required)),
        (vec![("exp", Some(text("soon")))], Err(Rule::Required)),
        (vec![("nbf", Some(text("soon")))], Err(Rule::Required)),
        (vec![("iat", at(skew))], Ok(())),
        (vec![("iat", at(skew + 1))], Err(Rule::Start)),
        (vec![("nbf", at(skew + 1))], Err(Rule::Start)),
        (vec![("iat", at(0)), ("exp", at(longest))], Ok(())),
        (
            vec![("iat", at(0)), ("exp", at(longest + 1))],
            Err(Rule::Lifetime),
        ),
        (
            vec![("exp", Some(ClaimValue::Number(i64::MAX)))],
            Err(Rule::Lifetime),
        ),
        (
            vec![("iat", Some(ClaimValue::Number(i64::MIN)))],
            Err(Rule::Lifetime),
        ),
    ] {
        assert_eq!(judge(&changes), expected, "{changes:?}");
    }
    assert_eq!(LONGEST_LIFETIME, Duration::from_secs(3600));
}

#[test]
fn pull_requests_are_recognised() {
    let of_event = |preset, claim, event: &str| {
        judged(preset, &[(claim, Some(text(event)))])
            .unwrap()
            .is_of_pull_request
    };
    for event in [
        "pull_request",
        "pull_request_target",
        "pull_request_review",
        "workflow_run",
    ] {
        assert!(
            of_event(Preset::GithubActions, "event_name", event),
            "{event}"
        );
    }
    for event in [
        "merge_request_event",
        "external_pull_request_event",
        "parent_pipeline",
    ] {
        assert!(
            of_event(Preset::Gitlab, "pipeline_source", event),
            "{event}"
        );
    }
    for (preset, claim) in [
        (Preset::GithubActions, "event_name"),
        (Preset::Gitlab, "pipeline_source"),
    ] {
        for event in [None, Some(ClaimValue::Other)] {
            let judged = judged(preset, &[(claim, event)]).unwrap();
            assert!(judged.is_of_pull_request, "{claim} does not say");
        }
    }
    for event in ["push", "schedule", "workflow_dispatch"] {
        assert!(
            !of_event(Preset::GithubActions, "event_name", event),
            "{event}"
        );
    }
}

#[test]
fn a_job_of_a_fork_is_refused() {
    let of_job = |id| judged(Preset::Gitlab, &[("job_project_id", id)]).map(drop);
    assert_eq!(of_job(Some(text("21"))), Err(Rule::Fork));
    assert_eq!(of_job(Some(ClaimValue::Other)), Err(Rule::Fork));
    assert_eq!(of_job(None), Ok(()), "an older GitLab does not say");
}

#[test]
fn what_people_are_shown_deceives_nobody() {
    let shown = |value: &str| {
        let judged = judged(Preset::GithubActions, &[("workflow", Some(text(value)))]);
        judged.unwrap().shown.get("workflow").map(str::to_owned)
    };
    assert_eq!(shown("night\u{200b}ly\u{202e}").as_deref(), Some("nightly"));
    assert_eq!(
        shown("\u{a0}nightly\u{3000}run").as_deref(),
        Some("nightly run")
    );
    assert_eq!(shown("\u{200b}"), None);
    assert_eq!(shown(&"x".repeat(4000)).unwrap().len(), 200);
}
