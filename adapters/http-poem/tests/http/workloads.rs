//! Workloads: a job without a stored secret can link an account and get its token, and no other job can.

use std::time::Duration;

use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::ports::Clock as _;
use central_oauth_domain::workload::{ClaimValue, Permission, Policy};
use poem::http::Method;
use serde_json::json;

use crate::oauth::EXCHANGE;
use crate::support::{ADMIN, Answer, ISSUER, Person, World};

pub(crate) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Returns a policy that trusts the jobs of one repository on its main branch.
pub(crate) fn nightly() -> Policy {
    Policy {
        name: "nightly".to_owned(),
        issuer: "github".to_owned(),
        providers: vec![ProviderName::new("scripted")],
        may: vec![Permission::Link, Permission::Token],
        claims: [
            ("repository_owner_id".to_owned(), vec!["65".to_owned()]),
            ("ref".to_owned(), vec!["refs/heads/main".to_owned()]),
        ]
        .into(),
        allows_pull_requests: false,
    }
}

pub(crate) async fn trusting() -> World {
    World::with(|options| options.policies = vec![nightly()]).await
}

pub(crate) type Change<'a> = (&'a str, Option<ClaimValue>);

pub(crate) fn text(value: &str) -> Option<ClaimValue> {
    Some(ClaimValue::Text(value.to_owned()))
}

impl World {
    /// Returns a fresh JWT of a job, with changed claims. `None` removes a claim.
    pub(crate) fn job(&self, changes: &[Change<'_>]) -> String {
        let now = self.clock.now().as_millis() / 1000;
        let mut claims: Vec<Change<'_>> = vec![
            ("iss", text(ISSUER)),
            ("aud", text("https://auth.example")),
            ("iat", Some(ClaimValue::Number(now - 10))),
            ("exp", Some(ClaimValue::Number(now + 290))),
            ("sub", text("repo:octo/app:ref:refs/heads/main")),
            ("repository", text("octo/app")),
            ("repository_id", text("74")),
            ("repository_owner_id", text("65")),
            ("ref", text("refs/heads/main")),
            ("event_name", text("push")),
            ("workflow", text("nightly")),
            ("run_id", text("1658")),
        ];
        for (name, value) in changes {
            claims.retain(|(known, _)| known != name);
            claims.push((name, value.clone()));
        }
        let claims = claims
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let claims: Vec<_> = claims.collect();
        self.identities.issue(ISSUER, &claims).expose().to_owned()
    }

    pub(crate) async fn poll(&self, code: &str, jwt: &str) -> Answer {
        self.get(&format!("/v1/poll/{code}")).key(jwt).send().await
    }

    /// Requests a link code with a fresh JWT.
    pub(crate) async fn ask_as_job(&self) -> String {
        let call = self.call(Method::POST, "/v1/link-code").key(&self.job(&[]));
        let started = call.send().await;
        started.assert(201);
        assert!(started.body.get("access_key").is_none(), "{}", started.text);
        started.text_at("link_code")
    }

    /// Returns the id of an account that a job has linked.
    pub(crate) async fn linked_by_job(&self) -> String {
        let code = self.ask_as_job().await;
        self.consent(&code, Person::Agrees(1)).await;
        let report = self.poll(&code, &self.job(&[])).await;
        report.assert(200);
        assert_eq!(report.body["status"], "linked");
        report.body["account"]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn token_for(&self, jwt: &str) -> Answer {
        self.get("/v1/token").key(jwt).send().await
    }

    pub(crate) async fn exchange_jwt(&self, jwt: &str, more: &[(&str, &str)]) -> Answer {
        let mut fields = vec![
            ("grant_type", EXCHANGE),
            ("subject_token", jwt),
            ("subject_token_type", JWT),
        ];
        fields.extend(more);
        self.post_form(&fields).await
    }

    pub(crate) async fn workloads(
        &self,
        id: &str,
        method: Method,
        body: Option<serde_json::Value>,
    ) -> Answer {
        let call = self
            .call(method, &format!("/v1/accounts/{id}/workloads"))
            .key(ADMIN);
        match body {
            Some(body) => call.json(&body).send().await,
            None => call.send().await,
        }
    }
}

#[tokio::test]
async fn a_job_links_an_account_and_later_jobs_get_its_token() {
    let world = trusting().await;
    let code = world.ask_as_job().await;
    let pending = world.poll(&code, &world.job(&[])).await;
    assert_eq!(pending.body["status"], "pending");
    world
        .token_for(&world.job(&[]))
        .await
        .assert_problem(409, "link_pending");
    let old = world.job(&[]);
    world.consent(&code, Person::Agrees(1)).await;
    world.clock.advance(Duration::from_secs(600));
    let expired = world.poll(&code, &old).await;
    let detail = expired.assert_problem(401, "workload_refused");
    assert!(detail.starts_with("expired: "), "{detail}");
    let linked = world.poll(&code, &world.job(&[])).await;
    let id = linked.body["account"]["id"].as_str().unwrap().to_owned();
    let token = world
        .token_for(&world.job(&[("run_id", text("1659"))]))
        .await;
    token.assert(200);
    assert_eq!(token.body["access_token"], "token-of-1");
    world.token_for(&world.job(&[])).await.assert(200);
    for more in [
        &[][..],
        &[("audience", &*id)],
        &[("audience", &*id), ("scope", "read")],
    ] {
        let exchanged = world.exchange_jwt(&world.job(&[]), more).await;
        exchanged.assert(200);
        assert_eq!(exchanged.body["access_token"], "token-of-1");
    }
    let foreign = world
        .exchange_jwt(&world.job(&[]), &[("audience", "999")])
        .await;
    foreign.assert_oauth(400, "invalid_target");
    let account = world
        .get(&format!("/v1/accounts/{id}"))
        .key(&world.job(&[]))
        .send()
        .await;
    account.assert(200);
}

#[tokio::test]
async fn a_token_of_the_platform_opens_nothing_else() {
    let world = trusting().await;
    let id = world.linked_by_job().await;
    let account = format!("/v1/accounts/{id}");
    let foreign = world.link(2).await;
    let foreign = world.account_of(&foreign).await;
    let foreign = format!("/v1/accounts/{foreign}");
    world
        .get(&foreign)
        .key(&world.job(&[]))
        .send()
        .await
        .assert_problem(404, "not_found");
    for (method, path) in [
        (Method::GET, "/v1/accounts".to_owned()),
        (Method::DELETE, account.clone()),
        (Method::POST, format!("{account}/refresh")),
        (Method::POST, format!("{account}/relink")),
        (Method::GET, format!("{account}/keys")),
        (Method::POST, format!("{account}/keys")),
        (Method::DELETE, format!("{account}/keys/1")),
        (Method::GET, format!("{account}/workloads")),
        (Method::POST, format!("{account}/workloads")),
        (Method::DELETE, format!("{account}/workloads/1")),
        (Method::GET, "/v1/revocations".to_owned()),
    ] {
        let mut call = world.call(method.clone(), &path).key(&world.job(&[]));
        if path.ends_with("/keys") && method == Method::POST {
            call = call.json(&json!({"name": "more"}));
        } else if method == Method::POST && path.ends_with("/workloads") {
            call = call.json(&json!({"workload": "nightly", "claims": {}}));
        }
        call.send().await.assert_problem(403, "forbidden");
    }
}

#[tokio::test]
async fn a_token_asks_for_one_link_code() {
    let world = trusting().await;
    for jti in [text("once"), None] {
        let jwt = world.job(&[("jti", jti)]);
        let ask = || world.call(Method::POST, "/v1/link-code").key(&jwt).send();
        ask().await.assert(201);
        let again = ask().await;
        assert!(
            again
                .assert_problem(401, "workload_refused")
                .starts_with("replayed: ")
        );
    }
    let same_id = world.job(&[("jti", text("once")), ("run_id", text("2"))]);
    let call = world.call(Method::POST, "/v1/link-code").key(&same_id);
    call.send().await.assert_problem(401, "workload_refused");
}

#[tokio::test]
async fn a_workload_relinks_its_account_and_no_other_person_s() {
    let world = trusting().await;
    let id = world.linked_by_job().await;
    let code = world.ask_as_job().await;
    world.consent(&code, Person::Agrees(2)).await;
    let failed = world.poll(&code, &world.job(&[])).await;
    assert_eq!(
        failed.body["error"]["code"], "account_mismatch",
        "{}",
        failed.text
    );
    let again = world.linked_by_job().await;
    assert_eq!(again, id);
}

#[tokio::test]
async fn another_repository_needs_a_grant() {
    let world = trusting().await;
    let id = world.linked_by_job().await;
    let other = [
        ("repository_id", text("75")),
        ("repository", text("octo/other")),
    ];
    let refused = world.token_for(&world.job(&other)).await;
    assert!(
        refused
            .assert_problem(401, "workload_refused")
            .starts_with("not_linked: ")
    );
    let grant = |claims: serde_json::Value| Some(json!({"workload": "nightly", "claims": claims}));
    let good = json!({"repository_id": "75", "repository_owner_id": "65"});
    for wrong in [
        grant(json!({})),
        grant(json!({"repository_id": "75"})),
        grant(json!({"repository_id": "75", "repository_owner_id": ""})),
        grant(json!({"repository_id": "75", "repository_owner_id": "66"})),
        grant(json!({"repository_id": "75", "repository_owner_id": "65", "ref": "x"})),
        Some(json!({"workload": "other", "claims": good})),
    ] {
        let refused = world.workloads(&id, Method::POST, wrong).await;
        refused.assert_problem(422, "unprocessable");
    }
    let granted = world
        .workloads(&id, Method::POST, grant(good.clone()))
        .await;
    granted.assert(201);
    assert_eq!(granted.body["role"], "reader");
    assert_eq!(granted.body["claims"], good);
    assert_eq!(granted.body["issuer"], ISSUER);
    world.token_for(&world.job(&other)).await.assert(200);

    let list = world.workloads(&id, Method::GET, None).await;
    let roles: Vec<_> = list.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["role"].clone())
        .collect();
    assert_eq!(roles, ["owner", "reader"]);
    assert!(
        list.body["items"][1]["last_used_at"].is_string(),
        "{}",
        list.text
    );

    let path = format!("/v1/accounts/{id}/workloads/{}", granted.text_at("id"));
    let withdraw = || world.call(Method::DELETE, &path).key(ADMIN).send();
    withdraw().await.assert(204);
    withdraw().await.assert_problem(404, "not_found");
    world
        .token_for(&world.job(&other))
        .await
        .assert_problem(401, "workload_refused");
    world.token_for(&world.job(&[])).await.assert(200);
}

#[tokio::test]
async fn a_relink_needs_the_policy_of_its_grant() {
    let world = trusting().await;
    let id = world.linked_by_job().await;
    // The operator removes the permission to link from the policy of the grant, and gives it to another policy.
    let world = world.restarted(|options| {
        let (mut first, mut second) = (nightly(), nightly());
        first.may = vec![Permission::Token];
        second.name = "second".to_owned();
        second.may = vec![Permission::Link];
        options.policies = vec![first, second];
    });
    let world = world.await;
    let code = world.ask_as_job().await;
    let report = world.poll(&code, &world.job(&[])).await;
    assert_eq!(report.body["status"], "pending");
    // The second policy started this link, so another person may consent.
    world.consent(&code, Person::Agrees(2)).await;
    let report = world.poll(&code, &world.job(&[])).await;
    assert_eq!(report.body["status"], "linked", "{}", report.text);
    assert_ne!(report.body["account"]["id"], *id);
    world.token_for(&world.job(&[])).await.assert(200);
    let list = world.workloads(&id, Method::GET, None).await;
    assert_eq!(list.body["items"][0]["workload"], "nightly");
}

#[tokio::test]
async fn of_several_policies_the_first_that_also_reads_owns_the_link() {
    let world = World::with(|options| {
        let (mut linking, mut other) = (nightly(), nightly());
        (linking.name, linking.may) = ("a".to_owned(), vec![Permission::Link]);
        other.name = "z".to_owned();
        options.policies = vec![linking, nightly(), other];
    });
    let world = world.await;
    let id = world.linked_by_job().await;
    let list = world.workloads(&id, Method::GET, None).await;
    assert_eq!(list.body["items"][0]["workload"], "nightly");
    world.token_for(&world.job(&[])).await.assert(200);
}

#[tokio::test]
async fn a_policy_that_is_gone_opens_nothing_and_says_so() {
    let world = trusting().await;
    let id = world.linked_by_job().await;
    let code = world.ask_as_job().await;
    let renamed = world.restarted(|options| {
        let mut policy = nightly();
        policy.name = "renamed".to_owned();
        options.policies = vec![policy];
    });
    let renamed = renamed.await;
    let refused = renamed.token_for(&renamed.job(&[])).await;
    let detail = refused.assert_problem(401, "workload_refused");
    assert!(detail.starts_with("policy: "), "{detail}");
    assert!(
        detail.contains("under the policy nightly, which"),
        "{detail}"
    );
    let account = renamed
        .get(&format!("/v1/accounts/{id}"))
        .key(&renamed.job(&[]));
    account.refused(404, "not_found").await;
    // The open link belongs to the old policy, so the job does not see its account.
    renamed.consent(&code, Person::Agrees(1)).await;
    let report = renamed.poll(&code, &renamed.job(&[])).await;
    assert!(report.body.get("account").is_none(), "{}", report.text);
    // Under its old name the policy works again.
    let world = renamed
        .restarted(|options| options.policies = vec![nightly()])
        .await;
    world.token_for(&world.job(&[])).await.assert(200);
}

#[tokio::test]
async fn a_reading_workload_does_not_relink() {
    let world = trusting().await;
    let key = world.link(1).await;
    let id = world.account_of(&key).await;
    let claims = json!({"repository_id": "74", "repository_owner_id": "65"});
    let body = json!({"workload": "nightly", "claims": claims});
    world
        .workloads(&id, Method::POST, Some(body))
        .await
        .assert(201);
    let code = world.ask_as_job().await;
    world.consent(&code, Person::Agrees(2)).await;
    let report = world.poll(&code, &world.job(&[])).await;
    assert_eq!(
        report.body["status"], "linked",
        "a link of its own, of another person"
    );
    let several = world.token_for(&world.job(&[])).await;
    several.assert_problem(422, "unprocessable");
    let named = world
        .exchange_jwt(&world.job(&[]), &[("audience", &id)])
        .await;
    assert_eq!(named.body["access_token"], "token-of-1", "{}", named.text);
}

#[tokio::test]
async fn a_workload_keeps_to_its_own_links() {
    let world = trusting().await;
    let code = world.ask_as_job().await;
    world.consent(&code, Person::Agrees(1)).await;
    let other = world.job(&[("repository_id", text("75"))]);
    let report = world.poll(&code, &other).await;
    report.assert(200);
    assert!(report.body.get("account").is_none(), "{}", report.text);
}

#[tokio::test]
async fn a_row_that_somebody_changed_opens_nothing() {
    use central_oauth_domain::grant::AccountId;
    use central_oauth_domain::ports::KeyStore as _;
    let world = trusting().await;
    let id = world.linked_by_job().await;
    let account = AccountId(id.parse().unwrap());
    let key = world.store.keys(account, None, 1).await.unwrap()[0].id;
    let other = world.job(&[("repository_id", text("75"))]);
    world.token_for(&world.job(&[])).await.assert(200);
    // An attacker with access to the database copies the hash and the claims of their own workload into the row of
    // another.
    let code = {
        let call = world.call(Method::POST, "/v1/link-code").key(&other);
        call.send().await.text_at("link_code")
    };
    let mut stolen = None;
    world.store.each_workload(|number, kept| {
        if number != key {
            stolen = Some((kept.identity, kept.binding.clone(), kept.mac));
        }
    });
    let (identity, binding, mac) = stolen.expect("the other workload");
    world.store.change_workload(key, |kept| {
        (kept.identity, kept.binding, kept.mac) = (identity, binding, mac);
    });
    let fresh = world.job(&[("repository_id", text("75"))]);
    world
        .token_for(&fresh)
        .await
        .assert_problem(409, "link_pending");
    world
        .get(&format!("/v1/accounts/{id}"))
        .key(&fresh)
        .send()
        .await
        .assert_problem(404, "not_found");
    assert_eq!(world.poll(&code, &fresh).await.body["status"], "pending");
}

#[tokio::test]
async fn workloads_are_unknown_keys_where_none_is_trusted() {
    let world = World::new().await;
    let answer = world
        .get("/v1/token")
        .key("eyJhbGciOi.eyJpc3Mi.c2ln")
        .send()
        .await;
    answer.assert_problem(401, "unauthorized");
    let exchanged = world.exchange_jwt("eyJhbGciOi.eyJpc3Mi.c2ln", &[]).await;
    exchanged.assert_oauth(400, "invalid_request");
    let audit = world.get("/v1/audit?kind=workload.refused").key(ADMIN);
    let audit = audit.send().await;
    assert_eq!(
        audit.body["items"][0]["detail"]["rule"], "unknown_issuer",
        "{}",
        audit.text
    );
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_temporary() {
    let world = trusting().await;
    let jwt = world.job(&[]);
    world.identities.be_away(true);
    let token = world.token_for(&jwt).await;
    token.assert_problem(503, "provider_unavailable");
    assert_eq!(token.header("retry-after"), Some("10"));
    world
        .exchange_jwt(&jwt, &[])
        .await
        .assert_oauth(503, "temporarily_unavailable");
}

impl World {
    /// Grants the jobs of repository 75 access to an account. `key` authenticates the request.
    async fn grant_to_other(&self, id: &str, key: &str) -> Answer {
        let claims = json!({"repository_id": "75", "repository_owner_id": "65"});
        let path = format!("/v1/accounts/{id}/workloads");
        let call = self.call(Method::POST, &path).key(key);
        let body = json!({"workload": "nightly", "claims": claims});
        let granted = call.json(&body).send().await;
        granted.assert(201);
        granted
    }

    async fn token_for_other(&self) -> Answer {
        self.token_for(&self.job(&[("repository_id", text("75"))]))
            .await
    }
}

#[tokio::test]
async fn a_workload_ends_with_the_key_that_granted_it_if_asked_to() {
    let world = trusting().await;
    let owner = world.link(1).await;
    let id = world.account_of(&owner).await;
    let workload = world.grant_to_other(&id, &owner).await.text_at("id");
    world.token_for_other().await.assert(200);
    let keys = world.get(&format!("/v1/accounts/{id}/keys")).key(ADMIN);
    let keys = keys.send().await;
    let (maker, made) = (&keys.body["items"][0], &keys.body["items"][1]);
    assert_eq!(made["id"], workload);
    assert_eq!(made["created_by"], maker["id"]);
    let maker = maker["id"].as_str().unwrap();
    let path = format!("/v1/accounts/{id}/keys/{maker}?descendants=true");
    let deleted = world.call(Method::DELETE, &path).key(&owner).send().await;
    deleted.assert(204);
    world
        .token_for_other()
        .await
        .assert_problem(401, "workload_refused");
}

#[tokio::test]
async fn a_workload_lasts_no_longer_than_the_key_that_granted_it() {
    let world = trusting().await;
    let end = world.time_in(7200);
    let call = world.call(Method::POST, "/v1/link-code");
    let started = call.json(&json!({"key_expires_at": end})).send().await;
    world
        .consent(&started.text_at("link_code"), Person::Agrees(1))
        .await;
    let owner = started.text_at("access_key");
    let id = world.account_of(&owner).await;
    let granted = world.grant_to_other(&id, &owner).await;
    assert_eq!(granted.body["expires_at"], end);
    let list = world.workloads(&id, Method::GET, None).await;
    assert_eq!(list.body["items"][0]["expires_at"], end);
    world.token_for_other().await.assert(200);
    world.clock.advance(Duration::from_secs(7200));
    let answer = world.token_for_other().await;
    answer.assert_problem(401, "workload_refused");
}

#[tokio::test]
async fn a_workload_s_key_that_somebody_points_at_another_account_opens_nothing() {
    use central_oauth_domain::grant::AccountId;
    use central_oauth_domain::ports::KeyStore as _;
    let world = trusting().await;
    let owner = world.link(1).await;
    let id = world.account_of(&owner).await;
    world.grant_to_other(&id, &owner).await;
    let account = |id: &str| AccountId(id.parse().unwrap());
    let keys = world.store.keys(account(&id), None, 2).await.unwrap();
    let foreign = world.account_of(&world.link(2).await).await;
    world.token_for_other().await.assert(200);
    world.store.point_key_to(keys[1].id, account(&foreign));
    let answer = world.token_for_other().await;
    answer.assert_problem(401, "workload_refused");
    world.store.point_key_to(keys[1].id, account(&id));
    world.token_for_other().await.assert(200);
}
