//! Entries of the audit log about the requests of workloads.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use central_oauth_domain::secret::WorkloadToken;
use central_oauth_domain::usecases::{Caller, Refusal, WorkloadAction, WorkloadCall};
use central_oauth_domain::workload::ClaimValue;
use poem::http::Method;
use serde_json::{Value, json};

use crate::oauth::EXCHANGE;
use crate::support::{ADMIN, ISSUER, Person, World};
use crate::workloads::{JWT, text, trusting};

impl World {
    /// Returns the details of all entries of this kind, the oldest first.
    async fn details(&self, kind: &str) -> Vec<Value> {
        let path = format!("/v1/audit?kind={kind}&limit=200");
        let list = self.get(&path).key(ADMIN).send().await;
        let items = list.body["items"].as_array().unwrap();
        items.iter().map(|item| item["detail"].clone()).collect()
    }

    /// Returns the action and the reason of all refusals, the oldest first.
    async fn refusals(&self) -> Vec<(String, String)> {
        let refused = self.details("workload.refused").await.into_iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let both = refused.map(|detail| {
            let reason = text(&detail["rule"]) + &text(&detail["code"]);
            (text(&detail["action"]), reason)
        });
        both.collect()
    }

    /// Requests a link code with this body and a fresh JWT.
    async fn ask_for(&self, body: &Value) -> crate::support::Answer {
        let call = self.call(Method::POST, "/v1/link-code");
        call.key(&self.job(&[])).json(body).send().await
    }
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(action, reason)| ((*action).to_owned(), (*reason).to_owned()))
        .collect()
}

#[tokio::test]
async fn each_use_is_recorded_once_with_issuer_subject_and_run() {
    let world = trusting().await;
    let id = world.linked_by_job().await;
    world.token_for(&world.job(&[])).await.assert(200);
    let path = format!("/v1/accounts/{id}");
    let own = world.get(&path).key(&world.job(&[])).send().await;
    own.assert(200);
    world.exchange_jwt(&world.job(&[]), &[]).await.assert(200);
    let accepted = world.details("workload.accepted").await;
    let actions: Vec<_> = accepted.iter().map(|detail| &detail["action"]).collect();
    assert_eq!(actions, ["link", "poll", "token", "account", "token"]);
    for detail in accepted {
        assert_eq!(detail["issuer"], ISSUER);
        assert_eq!(detail["subject"], "repo:octo/app:ref:refs/heads/main");
        assert_eq!(detail["run"], "1658");
    }
    assert!(world.refusals().await.is_empty());
}

#[tokio::test]
async fn each_refusal_of_a_valid_token_is_recorded() {
    let world = trusting().await;
    let code = world.ask_as_job().await;
    let open = world.token_for(&world.job(&[])).await;
    open.assert_problem(409, "link_pending");
    let confirm = world.call(Method::POST, &format!("/v1/link/{code}/confirm"));
    let confirm = confirm.key(&world.job(&[]));
    let early = confirm.json(&json!({"return_code": "ABCDEF"})).send().await;
    early.assert_problem(409, "link_pending");
    let other = world.job(&[("repository_id", text("75"))]);
    world.poll(&code, &other).await.assert(200);
    let unknown = world.poll("00000000", &world.job(&[])).await;
    unknown.assert_problem(404, "not_found");
    world.consent(&code, Person::Agrees(1)).await;
    for body in [json!({"role": "reader"}), json!({"provider": "other"})] {
        let answer = world.ask_for(&body).await;
        answer.assert_problem(422, "unprocessable");
    }
    let fresh = world.job(&[]);
    for (name, value, error) in [
        ("scope", "everything", "invalid_scope"),
        ("audience", "999", "invalid_target"),
    ] {
        let refused = world.exchange_jwt(&fresh, &[(name, value)]).await;
        refused.assert_oauth(400, error);
    }
    let foreign = world.get("/v1/accounts/999").key(&world.job(&[]));
    foreign.send().await.assert_problem(404, "not_found");
    let expected = owned(&[
        ("token", "link_pending"),
        ("confirm", "link_pending"),
        ("poll", "not_linked"),
        ("poll", "not_found"),
        ("link", "unprocessable"),
        ("link", "unprocessable"),
        ("token", "invalid_scope"),
        ("token", "not_found"),
        ("account", "not_found"),
    ]);
    assert_eq!(world.refusals().await, expected);
    for detail in world.details("workload.refused").await {
        assert_eq!(detail["issuer"], ISSUER);
        assert!(detail["subject"].is_string() && detail["run"].is_string());
    }
    let accepted = world.details("workload.accepted").await;
    assert_eq!(accepted.len(), 1, "the link code: {accepted:?}");
}

#[tokio::test]
async fn a_used_token_and_too_many_link_codes_are_recorded() {
    let world = trusting().await;
    let used = world.job(&[]);
    let ask = |jwt: String| world.call(Method::POST, "/v1/link-code").key(&jwt).send();
    ask(used.clone()).await.assert(201);
    ask(used).await.assert_problem(401, "workload_refused");
    for _ in 1..300 {
        ask(world.job(&[])).await.assert(201);
    }
    // After this many link codes, the audit log only counts further requests until the minute is over.
    world.clock.advance(Duration::from_secs(60));
    ask(world.job(&[]))
        .await
        .assert_problem(429, "rate_limited");
    let expected = owned(&[("link", "replayed"), ("link", "rate_limited")]);
    assert_eq!(world.refusals().await, expected);
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_recorded_and_a_flood_is_counted() {
    let world = trusting().await;
    world.identities.be_away(true);
    for _ in 0..300 {
        let answer = world.token_for("eyJ0.eyJhIjoxfQ.c2ln").await;
        answer.assert_problem(503, "provider_unavailable");
    }
    // Counted events are stored after ten minutes.
    world.clock.advance(Duration::from_secs(600));
    let entries = world.details("workload.refused").await;
    assert_eq!(entries.len(), 101);
    assert_eq!(entries[0]["code"], "provider_unavailable");
    assert_eq!(entries[0]["issuer"], "https://away.example");
    assert_eq!(entries[100]["count"], "200", "{}", entries[100]);
}

#[tokio::test]
async fn head_is_no_use() {
    let world = trusting().await;
    let code = world.ask_as_job().await;
    world.consent(&code, Person::Agrees(1)).await;
    let call = |path: &str| world.call(Method::HEAD, path).key(&world.job(&[])).send();
    let poll = format!("/v1/poll/{code}");
    call("/v1/token").await.assert(200);
    call(&poll).await.assert(200);
    let accounts = world.get("/v1/accounts").key(ADMIN).send().await;
    let id = accounts.body["items"][0]["id"].as_str().unwrap().to_owned();
    call(&format!("/v1/accounts/{id}")).await.assert(200);
    let list = world.workloads(&id, Method::GET, None).await;
    assert!(
        list.body["items"][0].get("last_used_at").is_none(),
        "{}",
        list.text
    );
    let accepted = world.details("workload.accepted").await;
    assert_eq!(accepted.len(), 1, "the link code: {accepted:?}");
    // A rejected `HEAD` is recorded like any other rejected request.
    let forged = world.call(Method::HEAD, "/v1/token").key("eyJ0.eyJ9.c2ln");
    forged.send().await.assert(401);
    let refused = world.refusals().await;
    assert_eq!(refused, owned(&[("token", "signature")]));
}

impl World {
    /// Asserts that the only entry about a request with the JWT of [`World::job`] is a refusal with this action and code.
    async fn assert_refused_once(&self, action: &str, code: &str, what: &str) {
        let [refused] = &self.details("workload.refused").await[..] else {
            panic!("{what}: not one entry")
        };
        let expected = json!({
            "action": action, "code": code, "issuer": ISSUER, "run": "1658",
            "subject": "repo:octo/app:ref:refs/heads/main",
        });
        assert_eq!(*refused, expected, "{what}");
        for kind in ["workload.accepted", "bearer.refused"] {
            assert!(self.details(kind).await.is_empty(), "{what}");
        }
    }
}

#[tokio::test]
async fn requests_that_no_workload_may_make_are_recorded() {
    for (method, path) in [
        (Method::DELETE, "/v1/accounts/1"),
        (Method::GET, "/v1/accounts"),
        (Method::GET, "/v1/accounts/1/keys"),
        (Method::GET, "/v1/audit"),
    ] {
        let world = trusting().await;
        let call = world.call(method, path).key(&world.job(&[]));
        call.refused(403, "forbidden").await;
        world.assert_refused_once("other", "forbidden", path).await;
    }
    let world = trusting().await;
    let forged = world.delete("/v1/accounts/1").key("eyJ0.eyJ9.c2ln");
    forged.refused(403, "forbidden").await;
    let refused = world.refusals().await;
    assert_eq!(refused, owned(&[("other", "signature")]));
}

#[tokio::test]
async fn a_wrong_request_with_a_jwt_is_recorded() {
    const JSON: &str = "application/json";
    for (path, body, status, code) in [
        ("/v1/link-code", Some((JSON, "{")), 400, "invalid_request"),
        (
            "/v1/link-code",
            Some((JSON, r#"{"a": 1}"#)),
            422,
            "unprocessable",
        ),
        (
            "/v1/link-code",
            Some(("text/plain", "a")),
            415,
            "unsupported_media_type",
        ),
        (
            "/v1/link/12345678/confirm",
            Some((JSON, "{}")),
            422,
            "unprocessable",
        ),
        (
            "/v1/accounts/1/workloads",
            Some((JSON, "{}")),
            422,
            "unprocessable",
        ),
        ("/v1/token?min_ttl=x", None, 400, "invalid_request"),
        ("/v1/nothing", None, 404, "not_found"),
    ] {
        let world = trusting().await;
        let jwt = world.job(&[]);
        let call = match body {
            Some((media_type, body)) => world.post(path).body(media_type, body),
            None => world.get(path),
        };
        call.key(&jwt).refused(status, code).await;
        world.assert_refused_once("other", code, path).await;
    }
}

#[tokio::test]
async fn a_wrong_token_exchange_with_a_jwt_is_recorded() {
    for (name, value, error) in [
        ("resource", "https://api.example", "invalid_target"),
        ("actor_token", "x", "invalid_request"),
        ("requested_token_type", JWT, "invalid_request"),
        ("scope", "read&scope=write", "invalid_request"),
    ] {
        let world = trusting().await;
        let jwt = world.job(&[]);
        let form = format!(
            "grant_type={EXCHANGE}&subject_token={jwt}&subject_token_type={JWT}&{name}={value}"
        );
        let call = world.post("/oauth/token");
        let answer = call
            .body("application/x-www-form-urlencoded", &form)
            .send()
            .await;
        answer.assert_oauth(400, error);
        world.assert_refused_once("token", error, name).await;
    }
    // A JWT is not an access key.
    let world = trusting().await;
    let fields = [
        ("grant_type", EXCHANGE),
        ("subject_token", &*world.job(&[])),
        (
            "subject_token_type",
            "urn:ietf:params:oauth:token-type:access_token",
        ),
    ];
    let answer = world.post_form(&fields).await;
    let described = answer.assert_oauth(400, "invalid_request");
    assert!(described.contains("is a JWT"), "{described}");
    world
        .assert_refused_once("token", "invalid_request", "type")
        .await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_is_recorded() {
    let world = trusting().await;
    world.linked_by_job().await;
    let before = world.details("workload.accepted").await.len();
    let token = WorkloadToken::new(world.job(&[]));
    let call = WorkloadCall {
        token: &token,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        is_head: false,
    };
    let work = |_: Caller| std::future::pending::<Result<(), Refusal>>();
    let served = world
        .services
        .workloads
        .serve(call, WorkloadAction::Token(None), work);
    let hung_up = tokio::time::timeout(Duration::from_millis(50), served).await;
    assert!(hung_up.is_err());
    let refused = world.details("workload.refused").await;
    assert_eq!(refused.len(), 1);
    assert_eq!(
        (&refused[0]["code"], &refused[0]["run"]),
        (&json!("unanswered"), &json!("1658"))
    );
    assert_eq!(world.details("workload.accepted").await.len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_while_the_issuer_is_asked_is_recorded() {
    let world = trusting().await;
    world.identities.be_silent();
    let asked = world.token_for("eyJ0.eyJhIjoxfQ.c2ln");
    let hung_up = tokio::time::timeout(Duration::from_millis(50), asked).await;
    assert!(hung_up.is_err());
    let expected = owned(&[("token", "unanswered")]);
    assert_eq!(world.refusals().await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_answered_in_time_though_its_jwt_is_still_being_verified() {
    let world = trusting().await;
    world.identities.be_silent();
    let asked_at = tokio::time::Instant::now();
    let foreign = world.delete("/v1/accounts/1").key("eyJ0.eyJhIjoxfQ.c2ln");
    let answer = foreign.send().await;
    answer.assert_problem(503, "store_unavailable");
    assert!(asked_at.elapsed() < Duration::from_secs(15));
    let expected = owned(&[("other", "unanswered")]);
    assert_eq!(world.refusals().await, expected);
}

#[tokio::test]
async fn names_of_every_issuer_are_legible() {
    let world = trusting().await;
    let subject = "repo:octo-org@65/octo-repo@74:environment:My Bücher=1";
    world
        .token_for(&world.job(&[("sub", text(subject))]))
        .await
        .assert(401);
    let refused = world.details("workload.refused").await;
    let expected = "repo:octo-org%4065/octo-repo%4074:environment:My%20B%C3%BCcher%3D1";
    assert_eq!(refused[0]["subject"], expected);
}

#[tokio::test]
async fn a_long_claim_and_a_token_never_reach_the_log() {
    let world = trusting().await;
    let id = ClaimValue::Text("x".repeat(4000));
    let jwt = world.job(&[("sub", Some(id)), ("run_id", text("a b@c"))]);
    world.token_for(&jwt).await.assert(401);
    let fields = [
        ("grant_type", EXCHANGE),
        ("subject_token", &*jwt),
        ("subject_token_type", JWT),
    ];
    world.post_form(&fields).await.assert(400);
    let refused = world.details("workload.refused").await;
    assert_eq!(refused.len(), 2);
    for detail in refused {
        assert!(!detail.to_string().contains(&jwt));
        assert_eq!(detail["run"], "a%20b%40c");
        assert_eq!(detail["subject"], "x".repeat(200));
    }
}
