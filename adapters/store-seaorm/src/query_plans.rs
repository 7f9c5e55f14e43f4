//! No query that is asked often may read a whole table.
#![allow(clippy::unwrap_used, reason = "this is test code")]

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{AccessKeyId, AccountId, ProviderName};
use central_oauth_domain::secret::KeyedHash;
use sea_orm::{ConnectionTrait, DbBackend, QuerySelect, QueryTrait, Statement};

use crate::{DatabaseUrl, SeaOrmStore, keys, links, polls, purge, refreshes};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// How SQLite would go about it, one step a line.
async fn plan(query: Statement) -> String {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::file(folder.path().join("store.sqlite3"));
    let store = SeaOrmStore::open(&url).await.unwrap();
    store.migrate_up().await.unwrap();
    let explain = Statement {
        sql: format!("EXPLAIN QUERY PLAN {}", query.sql),
        ..query
    };
    let steps = store.db.query_all_raw(explain).await.unwrap();
    let details = steps.iter().map(|step| step.try_get("", "detail").unwrap());
    details.collect::<Vec<String>>().join("\n")
}

async fn assert_uses(query: impl QueryTrait, indexes: &[&str]) {
    let plan = plan(query.build(DbBackend::Sqlite)).await;
    for index in indexes {
        assert!(plan.contains(index), "{index} is not used:\n{plan}");
    }
    for costly in ["SCAN", "TEMP B-TREE"] {
        assert!(!plan.contains(costly), "{costly}:\n{plan}");
    }
}

#[tokio::test]
async fn links_are_found_by_their_code() {
    let query = links::with_code(&KeyedHash::from_bytes([0; 32]));
    assert_uses(query, &["(code_hash=?)"]).await;
}

#[tokio::test]
async fn keys_are_found_by_their_hash_and_links_by_their_key() {
    let query = keys::with_hash(&KeyedHash::from_bytes([0; 32]));
    assert_uses(query, &["(hash=?)"]).await;
    let query = keys::links_of(AccessKeyId(1));
    assert_uses(query, &["ix_device_codes_access_key_id"]).await;
}

#[tokio::test]
async fn due_polls_are_claimed_by_an_index() {
    let busy = [ProviderName::new("github")];
    let query = polls::claim(NOW, NOW, 10, &busy);
    assert_uses(query, &["ix_device_codes_poll_due_at"]).await;
    assert_uses(polls::next_due(&busy), &["ix_device_codes_poll_due_at"]).await;
}

#[tokio::test]
async fn due_refreshes_are_claimed_by_an_index() {
    let index = ["ix_tokens_refresh_due_at"];
    assert_uses(refreshes::claim_due_rows(NOW, NOW, 10, &[]), &index).await;
    assert_uses(refreshes::next_due(&[]), &index).await;
    let busy = [ProviderName::new("github")];
    assert_uses(refreshes::claim_due_rows(NOW, NOW, 10, &busy), &index).await;
    assert_uses(refreshes::next_due(&busy), &index).await;
}

#[tokio::test]
async fn one_account_is_claimed_by_its_number() {
    let query = refreshes::claim_row(AccountId(1), 1, NOW, NOW);
    assert_uses(query, &["(account_id=?)"]).await;
}

#[tokio::test]
async fn open_links_are_counted_in_an_index() {
    let query = links::open_links(NOW).offset(9999).limit(1);
    assert_uses(query, &["ix_device_codes_expires_at"]).await;
}

#[tokio::test]
async fn links_that_are_over_are_found_by_indexes() {
    let indexes = ["ix_device_codes_ended_at", "ix_device_codes_expires_at"];
    assert_uses(purge::over_before(NOW).limit(10), &indexes).await;
}
