//! Tests of SQLite transactions that end unexpectedly.

use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use tempfile::TempDir;

use crate::{DatabaseUrl, PoolSettings, SeaOrmStore};

/// SQLite rolls a transaction back when the disk is full. A trigger can do the same.
const SCHEMA: &str = "CREATE TABLE numbers (n INTEGER); \
    CREATE TRIGGER trouble BEFORE INSERT ON numbers WHEN new.n = 1 \
    BEGIN SELECT RAISE(ROLLBACK, 'as if the disk were full'); END";

async fn opened() -> (TempDir, SeaOrmStore) {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::file(folder.path().join("store.sqlite3"));
    let store = SeaOrmStore::open(&url, PoolSettings::default()).await;
    let store = store.unwrap();
    let write = store.write().await.unwrap();
    write.execute_unprepared(SCHEMA).await.unwrap();
    write.commit().await.unwrap();
    (folder, store)
}

async fn count(store: &SeaOrmStore) -> i64 {
    let count = "SELECT count(*) AS numbers FROM numbers";
    let count = Statement::from_string(DbBackend::Sqlite, count);
    let row = store.read().await.unwrap().query_one_raw(count).await;
    row.unwrap().unwrap().try_get("", "numbers").unwrap()
}

/// SQLite has rolled the transaction back, and would commit each further statement on its own.
#[tokio::test]
async fn nothing_is_executed_after_a_failed_statement() {
    let (_folder, store) = opened().await;
    let write = store.write().await.unwrap();
    for n in [1, 2] {
        let insert = format!("INSERT INTO numbers VALUES ({n})");
        write.execute_unprepared(&insert).await.unwrap_err();
    }
    write.commit().await.unwrap_err();
    assert_eq!(count(&store).await, 0);
}

/// After a restart, the service would not find the committed data.
#[tokio::test]
async fn a_commit_to_a_file_that_was_moved_meanwhile_is_not_acknowledged() {
    let (folder, store) = opened().await;
    let write = store.write().await.unwrap();
    let insert = "INSERT INTO numbers VALUES (2)";
    write.execute_unprepared(insert).await.unwrap();
    let path = folder.path().join("store.sqlite3");
    std::fs::rename(&path, path.with_extension("aside")).unwrap();
    write.commit().await.unwrap_err();
}
