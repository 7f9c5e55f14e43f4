//! A JWT requests one link code, whichever replica it is sent to, and after a restart too.

use central_oauth_test_postgres::Cluster;
use serde_json::json;

use super::platform::Platform;
use super::world::{World, github, rule};
use crate::support::http::Answer;

fn assert_replayed(answer: Answer) {
    let answer = answer.expect(401);
    assert_eq!(rule(answer.str("detail")), "replayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_asks_once_at_all_replicas_and_after_a_restart() {
    let platform = Platform::start().await;
    let database = Cluster::shared().create_database();
    let settings = [("DATABASE_URL", &*database.url)];
    let workloads = github(&platform.issuer, "audience = \"the-replicas\"", "");
    let mut one = World::start_with(&workloads, &settings).await;
    let two = World::start_with(&workloads, &settings).await;
    for jti in [json!("of its own"), json!(null)] {
        let jwt = platform.token("the-replicas", &json!({"jti": jti})).await;
        one.ask(&jwt).await.expect(201);
        assert_replayed(two.ask(&jwt).await);
        one.service.kill().await;
        one.service.run().await;
        assert_replayed(one.ask(&jwt).await);
        let fresh = platform.token("the-replicas", &json!({})).await;
        two.ask(&fresh).await.expect(201);
    }
    // If two replicas get the same JWT at the same moment, only one of them creates a link code.
    for _ in 0..5 {
        let jwt = platform.token("the-replicas", &json!({})).await;
        let (first, second) = tokio::join!(one.ask(&jwt), two.ask(&jwt));
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 401]);
    }
}
