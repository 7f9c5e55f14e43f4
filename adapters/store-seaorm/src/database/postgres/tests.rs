use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use central_oauth_test_postgres::{Cluster, PgBouncer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, pause, sleep};

use super::*;
use crate::url::{DatabaseUrl, Place};

async fn open(url: &str) -> Arc<Postgres> {
    let url: DatabaseUrl = url.parse().expect("no URL");
    let Place::Server(server) = url.place() else {
        panic!("no server");
    };
    let server = Postgres::open(server, PoolSettings::default()).await;
    server.expect("no server")
}

async fn shown(session: &Session, name: &str) -> String {
    let question = format!("SELECT current_setting('{name}') AS it");
    let question = sea_orm::Statement::from_string(session.get_database_backend(), question);
    let row = session.query_one_raw(question).await;
    let row = row.expect("no answer").expect("no row");
    row.try_get("", "it").expect("no text")
}

#[tokio::test]
async fn sessions_are_told_the_same_with_and_without_a_pooler() {
    let cluster = Cluster::shared();
    let database = cluster.create_database();
    cluster.execute(
        &database.name,
        &format!(
            "ALTER DATABASE {0} SET default_transaction_isolation = 'serializable'; \
             ALTER DATABASE {0} SET synchronous_commit = off",
            database.name
        ),
    );
    let pooler = PgBouncer::start(cluster);
    let pooled = format!("{}?statement-cache-capacity=0", pooler.url(&database.name));
    for url in [database.url, pooled] {
        let server = open(&url).await;
        for session in [
            server.begin(Purpose::Change).await.expect("no transaction"),
            server.read().await.expect("no session"),
        ] {
            assert_eq!(shown(&session, "statement_timeout").await, "5s");
            assert_eq!(shown(&session, "lock_timeout").await, "4500ms");
            let idle = "idle_in_transaction_session_timeout";
            assert_eq!(shown(&session, idle).await, "4s");
            let isolation = shown(&session, "transaction_isolation").await;
            assert_eq!(isolation, "read committed");
            assert_eq!(shown(&session, "synchronous_commit").await, "on");
        }
    }
}

#[tokio::test]
async fn a_pooler_that_the_url_does_not_announce_is_refused_and_the_option_named() {
    let cluster = Cluster::shared();
    let database = cluster.create_database();
    for pooler in [
        PgBouncer::start(cluster),
        PgBouncer::start_ignoring(cluster, "extra_float_digits, options"),
    ] {
        let url = pooler.url(&database.name).parse().expect("no URL");
        let opened = crate::SeaOrmStore::open(&url, PoolSettings::default()).await;
        let error = opened.err().expect("it has opened").to_string();
        assert!(error.contains("statement-cache-capacity=0"), "{error}");
    }
}

#[tokio::test]
async fn errors_about_prepared_statements_name_the_option_for_poolers() {
    let server = open(&Cluster::shared().create_database().url).await;
    for (sql, is_named) in [
        ("EXECUTE unknown", true),
        ("PREPARE twice AS SELECT 1; PREPARE twice AS SELECT 2", true),
        ("DO $$ BEGIN RAISE SQLSTATE '08P01'; END $$", true),
        ("DO $$ BEGIN RAISE SQLSTATE '0A000'; END $$", true),
        (
            "CREATE TEMP TABLE grown (a int); PREPARE stale AS SELECT * FROM grown; EXECUTE stale; \
             ALTER TABLE grown ADD COLUMN b int; EXECUTE stale",
            false,
        ),
        ("SELECT 1 / 0", false),
    ] {
        let session = server.begin(Purpose::Change).await.expect("no transaction");
        let error = session.execute_unprepared(sql).await.expect_err(sql);
        let error = crate::error::failed(error);
        let error = std::error::Error::source(&error)
            .expect("no cause")
            .to_string();
        assert_eq!(
            error.contains("statement-cache-capacity=0"),
            is_named,
            "{error}"
        );
    }
}

// Connecting is slow just after a failover, so one slow save must not close the connections of other saves.
#[tokio::test]
async fn connections_are_replaced_once_nothing_answers_or_half_of_them_may_hang() {
    let server = open(&Cluster::shared().create_database().url).await;
    let pool = &server.saving;
    assert_eq!(pool.most(), 5);
    let generation = || pool.current().1.generation;
    let (asked_at, first) = (Instant::now(), generation());
    pool.answer(first, asked_at, Ok(()))
        .expect("it is an answer");
    for _ in 0..2 {
        pool.give_up(first, asked_at);
        assert_eq!(generation(), first, "another caller has got an answer");
    }
    pause();
    advance(Duration::from_secs(3600)).await;
    pool.give_up(first, asked_at);
    assert_eq!(
        generation(),
        first,
        "two of three connections are dead by now"
    );
    for _ in 0..2 {
        pool.give_up(first, asked_at);
    }
    let second = generation();
    assert_ne!(second, first, "three of five may hang");
    pool.give_up(first, asked_at);
    assert_eq!(generation(), second, "they are replaced already");

    pool.give_up(second, Instant::now());
    assert_ne!(generation(), second, "nothing has answered since");
}

/// Forwards connections to the server on `port`, each after a delay. Returns its own port.
async fn delayed(port: u16, delay: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("no port");
    let own_port = listener.local_addr().expect("no address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                sleep(delay).await;
                if let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await {
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    own_port
}

#[tokio::test]
async fn a_save_is_completed_by_a_connection_that_opens_after_the_timeout() {
    let cluster = Cluster::shared();
    let database = cluster.create_database();
    let setup = "CREATE TABLE saved (generation int); INSERT INTO saved VALUES (1)";
    cluster.execute(&database.name, setup);
    let port = delayed(
        cluster.port(),
        FIRST_SAVE_TIMEOUT + Duration::from_millis(500),
    )
    .await;
    let url = database
        .url
        .replace(&format!(":{}/", cluster.port()), &format!(":{port}/"));
    assert_ne!(url, database.url);
    let server = open(&url).await;

    let save = "UPDATE saved SET generation = 2";
    let save = Statement::from_string(DbBackend::Postgres, save);
    let error = server.save_at_once(save).await;
    error.expect_err("it was saved before the connection was open");
    for _ in 0..30 {
        let generation = cluster.execute(&database.name, "SELECT generation FROM saved");
        if generation.trim() == "2" {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("the connection was discarded before it was open");
}

/// Forwards connections to the server on `port`. Holds the first `BEGIN` back for this long. Returns its own port.
async fn slow_to_begin(port: u16, delay: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("no port");
    let own_port = listener.local_addr().expect("no address").port();
    let has_delayed = Arc::new(AtomicBool::new(false));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let has_delayed = Arc::clone(&has_delayed);
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", port)).await?;
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
                let mut sent = [0; 4096];
                loop {
                    let length = from_client.read(&mut sent).await?;
                    let sent = &sent[..length];
                    let begins = sent.windows(5).any(|word| word == b"BEGIN");
                    if begins && !has_delayed.swap(true, Ordering::Relaxed) {
                        sleep(delay).await;
                    }
                    if sent.is_empty() {
                        return to_server.shutdown().await;
                    }
                    to_server.write_all(sent).await?;
                }
            });
        }
    });
    own_port
}

#[tokio::test]
async fn a_transaction_that_begins_too_late_stays_open_on_no_connection() {
    let cluster = Cluster::shared();
    let database = cluster.create_database();
    cluster.execute(&database.name, "CREATE TABLE saved (n int)");
    let port = slow_to_begin(
        cluster.port(),
        FIRST_SAVE_TIMEOUT + Duration::from_millis(500),
    )
    .await;
    let url = database
        .url
        .replace(&format!(":{}/", cluster.port()), &format!(":{port}/"));
    let server = open(&url).await;
    let save = |sql: &'static str| Statement::from_string(DbBackend::Postgres, sql);

    let begin = server.begin(Purpose::Save);
    // The server answers others meanwhile, so its connections are kept.
    let others = async {
        for _ in 0..15 {
            server
                .save_at_once(save("SELECT 1"))
                .await
                .expect("no answer");
            sleep(Duration::from_millis(200)).await;
        }
    };
    let generation = server.saving.current().1.generation;
    let (begun, ()) = tokio::join!(begin, others);
    assert!(begun.is_err(), "it began in time");
    assert_eq!(server.saving.current().1.generation, generation);
    // Each connection saves a row.
    let slow = "INSERT INTO saved SELECT 1 FROM pg_sleep(0.3)";
    let mut saves = JoinSet::new();
    for _ in 0..server.saving.most() {
        let server = Arc::clone(&server);
        saves.spawn(async move { server.save_at_once(save(slow)).await.map(drop) });
    }
    for saved in saves.join_all().await {
        saved.expect("not saved");
    }
    let stored = cluster.execute(&database.name, "SELECT count(*) FROM saved");
    assert_eq!(stored.trim(), server.saving.most().to_string());
}

/// A client that disconnects drops the future of its request.
#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_while_a_transaction_begins_leaves_none_open() {
    let cluster = Cluster::shared();
    let database = cluster.create_database();
    let server = open(&database.url).await;
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND application_name = 'central-oauth' AND state LIKE 'idle in transaction%'";
    let none_is_open = async || {
        for _ in 0..100 {
            sleep(Duration::from_millis(20)).await;
            if cluster.execute(&database.name, open).trim() == "0" {
                return;
            }
        }
        panic!("a transaction is open that nobody knows of");
    };
    drop(server.begin(Purpose::Change).await.expect("no transaction"));
    none_is_open().await;
    // After one poll, BEGIN has been sent over the free connection. On a busy machine, the response may already be
    // there.
    let mut was_pending = false;
    for _ in 0..100 {
        let mut begun = Box::pin(server.begin(Purpose::Change));
        let first = poll_fn(|context| Poll::Ready(begun.as_mut().poll(context))).await;
        was_pending = first.is_pending();
        if was_pending {
            break;
        }
    }
    assert!(was_pending, "it began at once a hundred times");
    none_is_open().await;
}

#[tokio::test]
async fn who_stops_in_the_middle_lets_go_of_what_it_locked() {
    let cluster = Cluster::shared();
    let database = cluster.create_database();
    let setup = "CREATE TABLE held (id int); INSERT INTO held VALUES (1)";
    cluster.execute(&database.name, setup);
    let server = open(&database.url).await;
    let stopped = server.begin(Purpose::Change).await.expect("no transaction");
    let locked = stopped.execute_unprepared("UPDATE held SET id = 2").await;
    locked.expect("no lock");

    // This update waits until the server aborts the idle transaction and releases the row lock.
    let other = server.begin(Purpose::Change).await.expect("no transaction");
    let changed = other.execute_unprepared("UPDATE held SET id = 3").await;
    changed.expect("the row is locked still");
    other.commit_raw().await.expect("no commit");

    let late = stopped
        .commit_raw()
        .await
        .expect_err("it was committed all the same");
    assert!(is_disconnected(&late), "{late:?}");
    assert_eq!(
        cluster
            .execute(&database.name, "SELECT id FROM held")
            .trim(),
        "3"
    );
}
