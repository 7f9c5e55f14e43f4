//! Links with a return code: the contents of the page, and the responses to the program.

use central_oauth_domain::audit::AuditFilter;
use central_oauth_domain::testing::ScriptedProvider;
use central_oauth_domain::usecases::Caller;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::browser::{Browser, between};
use super::world::World;

/// A program and the link that it started.
pub(crate) struct Program<'a> {
    world: &'a World,
    pub(crate) code: String,
    key: String,
}

impl<'a> Program<'a> {
    pub(crate) async fn ask(world: &'a World) -> Self {
        Self::ask_as(world, None).await
    }

    /// Starts a link, for a workload if there is a JWT.
    async fn ask_as(world: &'a World, jwt: Option<String>) -> Self {
        let mut asked = world.client.post("/v1/link-code");
        if let Some(jwt) = &jwt {
            asked = asked.header("authorization", format!("Bearer {jwt}"));
        }
        let asked = asked
            .body_json(&json!({ "return_code": true }))
            .send()
            .await;
        asked.assert_status(StatusCode::CREATED);
        let started: Value = asked.json().await.value().deserialize();
        assert_eq!(started["return_code"], true);
        let text = |name: &str| started[name].as_str().unwrap().to_owned();
        Self {
            world,
            code: text("link_code"),
            key: jwt.unwrap_or_else(|| text("access_key")),
        }
    }

    pub(crate) async fn confirm(&self, typed: &str) -> (u16, Value) {
        let path = format!("/v1/link/{}/confirm", self.code);
        let request = self.world.client.post(path);
        let request = request.header("authorization", format!("Bearer {}", self.key));
        let answer = request
            .body_json(&json!({ "return_code": typed }))
            .send()
            .await;
        let status = answer.0.status().as_u16();
        (status, answer.json().await.value().deserialize())
    }

    /// Lets the person consent and come back.
    pub(crate) async fn consent(&self, browser: &mut Browser<'_>) {
        let code = &self.code;
        browser.confirm(code).await.assert_leads_to(code);
        let page = browser.link(code).await;
        let state = between(&page.html, "authorize?state=", "&").unwrap();
        let back = format!("/callback/scripted?state={state}&code=c0de");
        browser.get(&back).await.assert_leads_to(code);
        let grant = ScriptedProvider::grant("access-1", Some("refresh-1"));
        self.world.provider_answers(Ok(grant)).await;
    }

    async fn poll(&self) -> Value {
        // Polls at the allowed rate.
        self.world.clock.advance(std::time::Duration::from_secs(2));
        let request = self.world.client.get(format!("/v1/poll/{}", self.code));
        let request = request.header("authorization", format!("Bearer {}", self.key));
        request.send().await.json().await.value().deserialize()
    }
}

#[tokio::test]
async fn the_code_of_the_page_completes_the_link() {
    let world = World::new().await;
    world.provider.send_people_back();
    let program = Program::ask(&world).await;
    let (status, early) = program.confirm("BCD-FGH").await;
    assert_eq!((status, &early["code"]), (409, &json!("link_pending")));

    let mut browser = world.browser();
    program.consent(&mut browser).await;
    assert_eq!(program.poll().await["status"], "confirming");
    let page = browser.link(&program.code).await;
    page.assert(
        200,
        &[
            "Give this code to nobody",
            "data-copy=\"return-code\"",
            "<noscript><meta http-equiv=\"refresh\" content=\"5;",
        ],
    );
    let shown = between(&page.html, "id=\"return-code\" translate=\"no\">", "<").unwrap();
    let status = browser.status(&program.code).await;
    assert!(status.html.contains("\"confirming\""), "{}", status.html);
    // Only the browser that confirmed sees it.
    let other = world.browser().link(&program.code).await;
    assert!(!other.html.contains(shown));

    let (status, wrong) = program.confirm("BCD-FGH").await;
    assert_eq!((status, &wrong["code"]), (422, &json!("wrong_return_code")));
    assert_eq!(wrong["tries_left"], 2);
    assert!(
        wrong["detail"]
            .as_str()
            .unwrap()
            .contains("2 tries are left")
    );
    for _ in 0..2 {
        let (status, linked) = program.confirm(shown).await;
        assert_eq!((status, &linked["status"]), (200, &json!("linked")));
        assert_eq!(linked["account"]["provider"], "scripted");
    }
    browser
        .shows(&program.code, &["can now use this account"])
        .await;
}

#[tokio::test]
async fn three_wrong_codes_are_the_end() {
    let world = World::new().await;
    world.provider.send_people_back();
    let program = Program::ask(&world).await;
    let mut browser = world.browser();
    program.consent(&mut browser).await;
    for left in [2, 1, 0] {
        let (status, wrong) = program.confirm("wrong").await;
        assert_eq!((status, &wrong["tries_left"]), (422, &json!(left)));
    }
    let failed = program.poll().await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["error"]["code"], "not_confirmed");
    let (status, ended) = program.confirm("wrong").await;
    assert_eq!((status, &ended["code"]), (409, &json!("link_ended")));
    browser
        .shows(&program.code, &["did not send the return code in time"])
        .await;
}

#[tokio::test]
async fn a_provider_without_a_redirect_has_none() {
    let world = World::new().await;
    let asked = world.client.post("/v1/link-code");
    let asked = asked
        .body_json(&json!({ "return_code": true }))
        .send()
        .await;
    asked.assert_status(StatusCode::UNPROCESSABLE_ENTITY);
    let asked = world.client.post("/v1/link-code");
    let asked = asked
        .body_json(&json!({ "return_code": false }))
        .send()
        .await;
    let started: Value = asked.json().await.value().deserialize();
    assert_eq!(started["return_code"], false);
}

#[tokio::test]
async fn a_workload_sends_the_code_of_its_own_link() {
    let world = World::new().await;
    world.provider.send_people_back();
    let program = Program::ask_as(&world, Some(world.workload("nightly"))).await;
    let mut browser = world.browser();
    program.consent(&mut browser).await;
    let page = browser.link(&program.code).await;
    let shown = between(&page.html, "id=\"return-code\" translate=\"no\">", "<").unwrap();
    let send_as = async |workload, typed| {
        let (key, code) = (world.workload(workload), program.code.clone());
        let world = &world;
        Program { world, code, key }.confirm(typed).await
    };
    let (status, unknown) = send_as("other", shown).await;
    assert_eq!((status, &unknown["code"]), (404, &json!("not_found")));
    let (status, wrong) = send_as("nightly", "BCD-FGH").await;
    assert_eq!((status, &wrong["tries_left"]), (422, &json!(2)));
    let (status, linked) = send_as("nightly", shown).await;
    assert_eq!((status, &linked["status"]), (200, &json!("linked")));

    let all = AuditFilter::default();
    let log = world.services.audit.list(&Caller::ADMIN, &all, None, 99);
    let recorded: Vec<_> = log
        .await
        .unwrap()
        .items
        .into_iter()
        .map(|entry| entry.content)
        .filter(|entry| entry.detail("action") == Some("confirm"))
        .map(|entry| (entry.kind.clone(), entry.detail("code").map(str::to_owned)))
        .collect();
    let refused = |code: &str| ("workload.refused".to_owned(), Some(code.to_owned()));
    let accepted = ("workload.accepted".to_owned(), None);
    let expected = [refused("not_found"), refused("wrong_return_code"), accepted];
    assert_eq!(recorded, expected);
}
