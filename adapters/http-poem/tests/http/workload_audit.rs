//! What the audit log tells about the requests of workloads.

use std::time::Duration;

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

    /// Returns action and reason of all refusals, the oldest first.
    async fn refusals(&self) -> Vec<(String, String)> {
        let refused = self.details("workload.refused").await.into_iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let both = refused.map(|detail| {
            let reason = text(&detail["rule"]) + &text(&detail["code"]);
            (text(&detail["action"]), reason)
        });
        both.collect()
    }

    /// Requests a link code with this body and a fresh token.
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
    // So many link codes of strangers are only counted for the rest of the minute.
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
    // What is counted is stored after ten minutes.
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
    // A refused HEAD is recorded as any other.
    let forged = world.call(Method::HEAD, "/v1/token").key("eyJ0.eyJ9.c2ln");
    forged.send().await.assert(401);
    let refused = world.refusals().await;
    assert_eq!(refused, owned(&[("token", "signature")]));
}

#[tokio::test]
async fn requests_that_no_workload_may_make_are_counted() {
    let world = trusting().await;
    let delete = world.call(Method::DELETE, "/v1/accounts/1");
    let forbidden = delete.key(&world.job(&[])).send().await;
    forbidden.assert_problem(403, "forbidden");
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(world.details("workload.refused").await[0]["count"], "1");
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
        assert_eq!(detail["run"], "other");
        assert_eq!(detail["subject"], "x".repeat(200));
    }
}
