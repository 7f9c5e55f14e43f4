//! Forged, old and foreign tokens over the whole way: each has its answer and its line in the audit log.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::platform::Platform;
use super::world::{World, github, now, rule};
use crate::support::http;

/// How a token departs from a good one of the platform.
enum Wrong {
    /// Other claims.
    Claims(Value),
    /// Other header parameters.
    Header(Value),
    /// Another signer.
    By(&'static str),
    /// Another text as payload.
    Payload(String),
    /// Other claims, in a token of GitLab.
    Gitlab(Value),
    /// A change of the text of the token.
    Text(fn(&str) -> String),
}

fn workloads(platform: &Platform, gitlab: &Platform) -> String {
    let keys = format!("jwks_uri = \"{}\"", platform.keys);
    let github = github(&platform.issuer, &keys, ", ref = \"refs/heads/main\"");
    let gitlab = &gitlab.issuer;
    format!(
        r#"{github}
[issuer.gitlab]
preset = "gitlab"
issuer = "{gitlab}"

[workload.deploy]
issuer = "gitlab"
provider = "google"
may = ["link", "token"]
claims = {{ project_id = "20" }}
"#
    )
}

/// Returns a token with a changed payload, whose signature is that of the original payload.
fn with_other_payload(token: &str) -> String {
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let claims = claims.replace("octo-org/octo-repo", "octo-org/other-repo");
    format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims))
}

/// Returns each refusal, with the name of its rule.
fn refusals(issuer: &str, audience: &str) -> Vec<(Wrong, &'static str)> {
    use Wrong::{By, Claims, Gitlab, Header, Payload, Text};
    let now = now();
    let other = "https://other.example";
    vec![
        // Forged.
        (By("other"), "signature"),
        (By("nobody"), "signature"),
        (Text(with_other_payload), "signature"),
        // Key confusion.
        (By("secret"), "algorithm"),
        (Header(json!({"alg": "HS256"})), "algorithm"),
        (Header(json!({"alg": "none"})), "algorithm"),
        (Header(json!({"alg": "nOnE"})), "algorithm"),
        (Header(json!({"alg": null})), "algorithm"),
        (Header(json!({"alg": "ES256"})), "unknown_key"),
        (Header(json!({"kid": "../../dev/null"})), "unknown_key"),
        (Header(json!({"kid": 7})), "malformed"),
        (
            Header(json!({"crit": ["exp"], "exp": 1})),
            "critical_header",
        ),
        (Header(json!({"typ": "at+jwt"})), "token_type"),
        (Header(json!({"cty": "JWT"})), "nested_token"),
        (Header(json!({"enc": "A256GCM"})), "nested_token"),
        // Malformed.
        (
            Text(|it| it.rsplit_once('.').unwrap().0.to_owned() + "."),
            "signature",
        ),
        (Text(|it| format!("{it}=")), "malformed"),
        (Text(|it| it.replacen('.', ".e30", 1)), "malformed"),
        (Payload("[]".to_owned()), "malformed"),
        (Payload("{".to_owned()), "malformed"),
        (
            Payload(format!("{}1{}", "{\"a\":".repeat(9), "}".repeat(9))),
            "malformed",
        ),
        (
            Payload("eyJhbGciOiJSUzI1NiJ9.e30.c2ln".to_owned()),
            "nested_token",
        ),
        (
            Payload(format!(r#"{{"iss":"{issuer}","sub":"a","sub":"b"}}"#)),
            "duplicate_member",
        ),
        (
            Payload(format!(r#"{{"iss":"{issuer}","a":{{"b":1}},"a/b":2}}"#)),
            "duplicate_member",
        ),
        // Foreign and look-alike issuers.
        (
            Claims(json!({"iss": format!("{issuer}/")})),
            "unknown_issuer",
        ),
        (
            Claims(json!({"iss": format!("{issuer}.evil.example")})),
            "unknown_issuer",
        ),
        (
            Claims(json!({"iss": issuer.to_uppercase()})),
            "unknown_issuer",
        ),
        (
            Claims(json!({"iss": issuer.replace("127.0.0.1", "localhost")})),
            "unknown_issuer",
        ),
        (Claims(json!({"iss": other})), "unknown_issuer"),
        (Claims(json!({"iss": null})), "missing_claim"),
        (
            Claims(json!({"iss": "kubernetes/serviceaccount"})),
            "legacy_service_account",
        ),
        // Other audiences.
        (Claims(json!({"aud": null})), "missing_claim"),
        (
            Claims(json!({"aud": [audience, other]})),
            "several_audiences",
        ),
        (Claims(json!({"aud": other})), "audience"),
        (Claims(json!({"aud": format!("{audience}/")})), "audience"),
        (
            Claims(json!({"aud": "https://github.com/octo-org"})),
            "audience",
        ),
        // Other times.
        (Claims(json!({"exp": null})), "missing_claim"),
        (Claims(json!({"iat": null})), "missing_claim"),
        (Claims(json!({"exp": now - 1})), "expired"),
        (
            Claims(json!({"iat": now + 120, "exp": now + 400})),
            "not_yet_valid",
        ),
        (Claims(json!({"nbf": now + 120})), "not_yet_valid"),
        (Claims(json!({"exp": now + 3700})), "lifetime"),
        // Other workloads.
        (Claims(json!({"repository_id": null})), "immutable_claim"),
        (Claims(json!({"repository_owner_id": "66"})), "policy"),
        (Claims(json!({"ref": "refs/heads/main/"})), "policy"),
        (
            Claims(json!({"event_name": "pull_request"})),
            "pull_request",
        ),
        (
            Claims(json!({"event_name": "pull_request_target"})),
            "pull_request",
        ),
        (
            Claims(json!({"event_name": "workflow_run"})),
            "pull_request",
        ),
        (Gitlab(json!({"job_project_id": "21"})), "fork"),
        (
            Gitlab(json!({"pipeline_source": "merge_request_event"})),
            "pull_request",
        ),
        (Gitlab(json!({"iss": issuer})), "unknown_key"),
        (Claims(json!({"repository_id": "75"})), "not_linked"),
    ]
}

struct Scene {
    platform: Platform,
    gitlab: Platform,
    world: World,
}

impl Scene {
    async fn start() -> Self {
        let (platform, gitlab) = (Platform::start().await, Platform::start().await);
        let world = World::start(&workloads(&platform, &gitlab)).await;
        Self {
            platform,
            gitlab,
            world,
        }
    }

    async fn token(&self, wrong: &Wrong) -> String {
        let audience = self.world.audience();
        let issue = async |more: &[(&str, String)]| self.platform.issue(&audience, more).await;
        match wrong {
            Wrong::Claims(claims) => self.platform.token(&audience, claims).await,
            Wrong::Header(header) => issue(&[("header", header.to_string())]).await,
            Wrong::By(whom) => issue(&[("by", (*whom).to_owned())]).await,
            Wrong::Payload(text) => issue(&[("payload", text.clone())]).await,
            Wrong::Gitlab(claims) => {
                let platform = ("platform", "gitlab".to_owned());
                let more = [platform, ("claims", claims.to_string())];
                self.gitlab.issue(&audience, &more).await
            }
            Wrong::Text(change) => change(&self.platform.token(&audience, &json!({})).await),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_answer_and_its_line_in_the_audit_log() {
    let scene = Scene::start().await;
    let world = &scene.world;
    let good = scene.platform.token(&world.audience(), &json!({})).await;
    world.link(&good).await;
    let mut rules = Vec::new();
    let refusals = refusals(&scene.platform.issuer, &world.audience());
    for (number, (wrong, expected)) in refusals.iter().enumerate() {
        let token = scene.token(wrong).await;
        assert_eq!(world.refused(&token).await, *expected, "number {number}");
        rules.push(*expected);
    }
    // A token that has linked gets no second link code. A token that is too long for a header is refused, too.
    let ask = http::client().post(world.service.url("/v1/link-code"));
    let replayed = http::send(ask.bearer_auth(&good)).await.expect(401);
    assert_eq!(rule(replayed.str("detail")), "replayed");
    let form = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("subject_token", &(good.clone() + &"A".repeat(16 * 1024))),
    ];
    let exchange = http::client().post(world.service.url("/oauth/token"));
    let large = http::send(exchange.form(&form)).await.expect(400);
    assert_eq!(large.str("error"), "invalid_request");
    assert_eq!(rule(large.str("error_description")), "too_large");
    rules.extend(["replayed", "too_large"]);
    assert!(rules.len() >= 40, "{}", rules.len());

    let entries = world.audit("workload.refused", rules.len()).await;
    let recorded: Vec<_> = entries
        .iter()
        .map(|it| it["detail"]["rule"].clone())
        .collect();
    assert_eq!(recorded, rules);
    for entry in &entries {
        assert_eq!(entry["actor"], "anonymous", "{entry}");
        assert!(entry["detail"]["issuer"].is_string(), "{entry}");
    }
    let about = &entries[rules.len() - 3]["detail"];
    assert_eq!(
        about["subject"],
        "repo:octo-org/octo-repo:ref:refs/heads/main"
    );
    assert_eq!(about["run"], "30433642");
    let accepted = world.audit("workload.accepted", 1).await;
    assert_eq!(accepted[0]["detail"]["action"], "link");
    assert_eq!(accepted[0]["detail"]["run"], "30433642");
    let logs = world.service.logs();
    let [_, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    assert!(!logs.contains(payload) && !logs.contains(signature));
    for text in entries.iter().chain(&accepted).map(Value::to_string) {
        assert!(!text.contains(payload) && !text.contains(signature));
    }
    // After all this, a good token of the same address is still accepted.
    let fresh = scene.platform.token(&world.audience(), &json!({})).await;
    world.token(&fresh).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_keys_and_a_huge_set_cause_no_storm() {
    let scene = Scene::start().await;
    let (world, platform) = (&scene.world, &scene.platform);
    let good = platform.token(&world.audience(), &json!({})).await;
    world.link(&good).await;
    assert_eq!(platform.fetches().await, 1);
    platform.publish("large").await;
    for number in 0..20 {
        let header = Wrong::Header(json!({"kid": format!("made-up-{number}")}));
        let token = scene.token(&header).await;
        assert_eq!(world.refused(&token).await, "unknown_key");
    }
    assert_eq!(platform.fetches().await, 1);
    let fresh = platform.token(&world.audience(), &json!({})).await;
    world.token(&fresh).await.expect(200);

    // One network gets mostly 429 during a flood, and these responses leave no line in the audit log.
    let forged = scene.token(&Wrong::By("other")).await;
    let (mut answers, flooder) = ([0, 0], Ipv4Addr::new(192, 0, 2, 1));
    for _ in 0..60 {
        match world.token_from(flooder, &forged).await.status.as_u16() {
            401 => answers[0] += 1,
            429 => answers[1] += 1,
            other => panic!("{other}"),
        }
    }
    assert!((30..40).contains(&answers[0]), "{answers:?}");
    let logs = world.service.logs();
    let lines = logs.matches("\"rule\":\"signature\"").count();
    assert_eq!(lines, answers[0], "{logs}");
    assert!(
        logs.contains("too many refused access keys and JWTs"),
        "{logs}"
    );
    world.token_from(flooder, &fresh).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_whose_keys_cannot_be_had_is_temporary() {
    let scene = Scene::start().await;
    let (world, platform) = (&scene.world, &scene.platform);
    for publish in ["large", "empty", "nothing"] {
        platform.publish(publish).await;
        let job = platform.token(&world.audience(), &json!({})).await;
        let answer = world.token(&job).await.expect(503);
        assert_eq!(answer.str("code"), "provider_unavailable");
        assert!(!answer.header("retry-after").is_empty());
    }
    assert_eq!(platform.fetches().await, 1, "asked a moment ago");
}
