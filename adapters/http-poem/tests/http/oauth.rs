//! `POST /oauth/token` with access keys, and its metadata.

use url::form_urlencoded::Serializer;

use crate::support::{ADMIN, Answer, World};

pub(crate) const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

impl World {
    pub(crate) async fn post_form(&self, fields: &[(&str, &str)]) -> Answer {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(fields);
        let call = self.post("/oauth/token");
        call.body(FORM, &form.finish()).send().await
    }

    /// Exchanges an access key. `more` are further parameters.
    async fn exchange(&self, key: &str, more: &[(&str, &str)]) -> Answer {
        let mut fields = vec![
            ("grant_type", EXCHANGE),
            ("subject_token", key),
            ("subject_token_type", ACCESS_TOKEN),
        ];
        fields.extend(more);
        self.post_form(&fields).await
    }
}

impl Answer {
    /// Asserts that the response is an OAuth error. Returns its description.
    #[track_caller]
    pub(crate) fn assert_oauth(&self, status: u16, error: &str) -> &str {
        self.assert(status);
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{}",
            self.text
        );
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.body["error"], error, "{}", self.text);
        assert!(self.body.get("code").is_none(), "{}", self.text);
        let description = self.body["error_description"].as_str().unwrap();
        assert!(
            description
                .bytes()
                .all(|b| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\')
        );
        description
    }
}

#[tokio::test]
async fn an_access_key_is_exchanged() {
    let world = World::new().await;
    let (id, key) = world.account().await;
    for more in [
        &[][..],
        &[("audience", &*id)],
        &[("scope", "read")],
        &[
            ("scope", "write read"),
            ("requested_token_type", ACCESS_TOKEN),
        ],
        &[("client_id", "anybody"), ("unknown", "x"), ("scope", "")],
    ] {
        let answer = world.exchange(&key, more).await;
        answer.assert(200);
        assert_eq!(answer.body["access_token"], "token-of-1");
        assert_eq!(answer.body["issued_token_type"], ACCESS_TOKEN);
        assert_eq!(answer.body["token_type"], "Bearer");
        assert_eq!(answer.body["scope"], "read write");
        assert!(
            answer.body["expires_in"]
                .as_u64()
                .is_some_and(|left| left > 3000)
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let (_, reader) = world.reader(&id, "reader").await;
    world.exchange(&reader, &[]).await.assert(200);
}

#[tokio::test]
async fn errors_are_those_of_oauth() {
    let world = World::new().await;
    let (id, key) = world.account().await;
    let other = world.link(2).await;
    let other = world.account_of(&other).await;
    let (_, pending) = world.start_link().await;
    for (key, more, error) in [
        (&*key, &[("audience", &*other)][..], "invalid_target"),
        (&key, &[("audience", "999")], "invalid_target"),
        (
            &key,
            &[("audience", &*id), ("audience", &*id)],
            "invalid_target",
        ),
        (
            &key,
            &[("resource", "https://api.example")],
            "invalid_target",
        ),
        (&key, &[("scope", "read admin")], "invalid_scope"),
        (&key, &[("actor_token", "x")], "invalid_request"),
        (
            &key,
            &[("scope", "read"), ("scope", "read")],
            "invalid_request",
        ),
        (
            &key,
            &[(
                "requested_token_type",
                "urn:ietf:params:oauth:token-type:jwt",
            )],
            "invalid_request",
        ),
        ("coak_unknown", &[], "invalid_request"),
        (ADMIN, &[], "invalid_request"),
        (&pending, &[], "invalid_grant"),
    ] {
        world.exchange(key, more).await.assert_oauth(400, error);
    }
    let foreign = world.exchange(&key, &[("audience", &other)]).await;
    let unknown = world.exchange(&key, &[("audience", "999")]).await;
    assert_eq!(
        foreign.body, unknown.body,
        "nobody learns which accounts there are"
    );
    for (fields, error) in [
        (&[][..], "invalid_request"),
        (
            &[("grant_type", "client_credentials")],
            "unsupported_grant_type",
        ),
        (&[("grant_type", EXCHANGE)], "invalid_request"),
        (
            &[("grant_type", EXCHANGE), ("subject_token", "x")],
            "invalid_request",
        ),
        (
            &[
                ("grant_type", EXCHANGE),
                ("subject_token", "x"),
                ("subject_token_type", "urn:x"),
            ],
            "invalid_request",
        ),
    ] {
        world.post_form(fields).await.assert_oauth(400, error);
    }
}

#[tokio::test]
async fn errors_outside_of_the_operation_are_those_of_oauth_too() {
    let world = World::new().await;
    let get = world.get("/oauth/token").send().await;
    get.assert_oauth(405, "invalid_request");
    assert_eq!(get.header("allow"), Some("POST"));
    world
        .get("/oauth/token/")
        .send()
        .await
        .assert_oauth(404, "invalid_request");
    let post = || world.post("/oauth/token");
    let json = post().body("application/json", "{}").send().await;
    json.assert_oauth(415, "invalid_request");
    post()
        .bare_body("grant_type=x")
        .send()
        .await
        .assert_oauth(415, "invalid_request");
    let compressed = post().body(FORM, "x").header("content-encoding", "br");
    let compressed = compressed.send().await;
    compressed.assert_oauth(415, "invalid_request");
    let large = post().body(FORM, &"x".repeat(70_000)).send().await;
    large.assert_oauth(413, "invalid_request");
    for _ in 0..40 {
        let answer = world.exchange("coak_unknown", &[]).await;
        if answer.status == 429 {
            answer.assert_oauth(429, "temporarily_unavailable");
            assert!(answer.header("retry-after").is_some());
            let (_, key) = world.account().await;
            return world.exchange(&key, &[]).await.assert(200);
        }
    }
    panic!("unknown keys are not limited");
}

#[tokio::test]
async fn other_addresses_keep_their_problems() {
    let world = World::new().await;
    world.get("/oauth/other").refused(404, "not_found").await;
    let call = world.get("/.well-known/other");
    call.refused(404, "not_found").await;
}

#[tokio::test]
async fn a_person_who_must_consent_again_is_an_invalid_grant() {
    let world = World::new().await;
    let (_, key) = world.account().await;
    let cause = central_oauth_domain::ports::ProviderError::refused("invalid_grant", "over");
    *world.provider.trouble.lock().unwrap() = Some(cause);
    world.clock.advance(std::time::Duration::from_secs(3601));
    world
        .exchange(&key, &[])
        .await
        .assert_oauth(400, "invalid_grant");
}

#[tokio::test]
async fn a_provider_that_is_down_is_temporary() {
    let world = World::new().await;
    let (_, key) = world.account().await;
    let cause = central_oauth_domain::ports::ProviderError::unavailable("down");
    *world.provider.trouble.lock().unwrap() = Some(cause);
    world.clock.advance(std::time::Duration::from_secs(3601));
    let answer = world.exchange(&key, &[]).await;
    answer.assert_oauth(503, "temporarily_unavailable");
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn metadata_describe_the_endpoint() {
    for (url, issuer) in [
        ("https://auth.example", "https://auth.example"),
        ("https://example.com/auth/", "https://example.com/auth"),
    ] {
        let world = World::with(|options| options.public_url = url).await;
        let path = "/.well-known/oauth-authorization-server";
        let answer = world.get(path).send().await;
        answer.assert(200);
        assert_eq!(answer.body["issuer"], issuer);
        assert_eq!(
            answer.body["token_endpoint"],
            format!("{issuer}/oauth/token")
        );
        assert_eq!(answer.body["grant_types_supported"][0], EXCHANGE);
        assert_eq!(
            answer.body["response_types_supported"],
            serde_json::json!([])
        );
    }
}
