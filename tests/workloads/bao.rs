//! OpenBao as an issuer of identity tokens: its own, by the commands of docs/WORKLOADS.md, through rotations of its key.

use std::time::{Duration, Instant};

use serde_json::json;

use super::TIMEOUT;
use super::documents::{blocks, run};
use super::world::World;
use crate::support::bao::Bao;
use crate::support::http;
use crate::support::process::eventually;

const HEADING: &str = "OpenBao, and any other OpenID Connect issuer";
/// After this time, the service fetches the keys of an issuer again.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// Time limit for the withdrawal of a key: once a minute, OpenBao checks which keys it no longer publishes.
const WITHDRAWN_WITHIN: Duration = Duration::from_secs(150);

/// OpenBao, the service that trusts one of its entities, and the login of that entity.
struct Scene {
    bao: Bao,
    world: World,
    login: String,
}

impl Scene {
    async fn start() -> Self {
        let log =
            std::env::temp_dir().join(format!("central-oauth-bao-{}.log", std::process::id()));
        let _ = std::fs::remove_file(&log);
        let bao = Bao::start(log).await;
        let (login, entity) = logged_in(&bao).await;
        let [example] = blocks(HEADING, "toml")[..] else {
            panic!("one file")
        };
        let mut file: toml::Table = example.parse().unwrap();
        let issuer = format!("{}/v1/identity/oidc", bao.url());
        file["issuer"]["bao"]["issuer"] = issuer.into();
        file["workload"]["machines"]["claims"]["sub"] = entity.into();
        let world = World::start(&file.to_string()).await;
        let program = Bao::program().await;
        std::os::unix::fs::symlink(program, world.folder.path().join("bao")).unwrap();
        Self { bao, world, login }
    }

    /// Runs the commands of an example with this login.
    async fn run(&self, commands: &str, login: &str) -> String {
        let variables = [("BAO_ADDR", self.bao.url()), ("BAO_TOKEN", login)];
        run(&self.world, commands, &variables).await
    }

    async fn token(&self) -> String {
        let url = format!("{}/v1/identity/oidc/token/central-oauth", self.bao.url());
        let request = http::client().get(url).header("X-Vault-Token", &self.login);
        let answer = http::send(request).await.expect(200);
        answer.json["data"]["token"].as_str().unwrap().to_owned()
    }

    /// Makes the next key the one that signs. The previous one stays published for this time.
    async fn rotate(&self, verification_ttl: &str) {
        let body = json!({"verification_ttl": verification_ttl});
        let path = "/v1/identity/oidc/key/central-oauth/rotate";
        self.bao.must(path, &body).await;
    }

    /// Returns the number of published keys.
    async fn published(&self) -> usize {
        let url = format!("{}/v1/identity/oidc/.well-known/keys", self.bao.url());
        let keys = http::send(http::client().get(url)).await.expect(200);
        keys.json["keys"].as_array().unwrap().len()
    }
}

/// Creates a machine that has logged in and may have identity tokens. Returns its token for OpenBao and the id of its
/// entity.
async fn logged_in(bao: &Bao) -> (String, String) {
    let policy = r#"path "identity/oidc/token/central-oauth" { capabilities = ["read"] }"#;
    bao.must("/v1/sys/policies/acl/machine", &json!({"policy": policy}))
        .await;
    bao.must("/v1/sys/auth/userpass", &json!({"type": "userpass"}))
        .await;
    let user = json!({"password": "of-the-machine", "token_policies": "machine"});
    bao.must("/v1/auth/userpass/users/machine", &user).await;
    let login = json!({"password": "of-the-machine"});
    let login = bao.must("/v1/auth/userpass/login/machine", &login).await;
    let auth = &login.json["auth"];
    let text = |name: &str| auth[name].as_str().unwrap().to_owned();
    (text("client_token"), text("entity_id"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_an_identity_token_of_openbao_links_an_account_and_keeps_it_through_rotations()
 {
    let scene = Scene::start().await;
    let world = &scene.world;
    let [set_up, on_the_machine] = blocks(HEADING, "console")[..] else {
        panic!("two scripts")
    };
    scene.run(set_up, Bao::TOKEN).await;
    let first = scene.token().await;
    let asked_at = Instant::now();
    world.link(&first).await;
    let token = world.token(&first).await.expect(200);
    let printed = scene.run(on_the_machine, &scene.login).await;
    assert_eq!(printed, token.str("access_token"));

    // OpenBao publishes the next key before it signs with it.
    scene.rotate("1h").await;
    let second = scene.token().await;
    world.token(&second).await.expect(200);
    // The key after that is unknown, because the service asked the issuer less than a minute ago.
    scene.rotate("1s").await;
    let third = scene.token().await;
    assert_eq!(world.refused(&third).await, "unknown_key");
    for known in [&first, &second] {
        world.token(known).await.expect(200);
    }

    // Three keys remain published: the first one, the one that signs, and the next one.
    eventually(WITHDRAWN_WITHIN, "the second key withdrawn", async || {
        scene.published().await == 3
    })
    .await;
    let left = (asked_at + ASK_EVERY).saturating_duration_since(Instant::now());
    tokio::time::sleep(left).await;
    eventually(TIMEOUT, "the new key picked up", async || {
        world.token(&third).await.status == 200
    })
    .await;
    world.token(&first).await.expect(200);
    assert_eq!(world.refused(&second).await, "unknown_key", "withdrawn");

    let Scene { bao, world, .. } = scene;
    bao.kill().await;
    for known in [&first, &third] {
        world.token(known).await.expect(200);
    }
    assert_eq!(world.refused(&second).await, "unknown_key");
}
