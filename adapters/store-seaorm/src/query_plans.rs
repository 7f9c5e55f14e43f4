//! No frequent query may read a whole table.
#![allow(clippy::unwrap_used, reason = "this is test code")]

use std::time::Duration;

use central_oauth_domain::audit::{AuditFilter, AuditKind, AuditNumber};
use central_oauth_domain::grant::refresh::Outage;
use central_oauth_domain::grant::revocation::REVOCATION_HORIZON;
use central_oauth_domain::grant::{
    AccessKeyId, AccountFilter, AccountId, AccountKey, AccountStatus, ProviderName, StatusAsOf,
};
use central_oauth_domain::link::GuessLimit;
use central_oauth_domain::link::pace::POLL_HORIZON;
use central_oauth_domain::ports::RowVersion;
use central_oauth_domain::secret::{KeyedHash, SealId};
use central_oauth_domain::{Fault, FaultCode, Label, Timestamp};
use central_oauth_test_postgres::Cluster;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, QuerySelect, QueryTrait, Statement};
use tokio::sync::OnceCell;

use crate::accounts::filtered;
use crate::accounts::labels::labels_of;
use crate::accounts::locked::locked;
use crate::entities::{accounts, device_codes, revocations as outgoing, tokens};
use crate::refreshes::{open_providers, outages};
use crate::{
    DatabaseUrl, PoolSettings, SeaOrmStore, admin_sessions, audit, claims, clock_steps, grant_ends,
    guesses, keys, links, outbox, reads, revocations, sealed_rows, seals, workloads,
};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// Returns SQLite's query plan, one step per line.
async fn plan(query: Statement) -> String {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::file(folder.path().join("store.sqlite3"));
    let store = SeaOrmStore::open(&url, PoolSettings::default())
        .await
        .unwrap();
    store.migrate_up().await.unwrap();
    let explain = Statement {
        sql: format!("EXPLAIN QUERY PLAN {}", query.sql),
        ..query
    };
    let session = store.read().await.unwrap();
    let steps = session.query_all_raw(explain).await.unwrap();
    let details = steps.iter().map(|step| step.try_get("", "detail").unwrap());
    details.collect::<Vec<String>>().join("\n")
}

/// Returns PostgreSQL's query plan. It scans small tables whatever indexes there are, so scans are disabled here, to
/// see what indexes can do.
async fn plan_on_server(query: Statement) -> String {
    static DATABASE: OnceCell<String> = OnceCell::const_new();
    let database = DATABASE.get_or_init(async || {
        let database = Cluster::shared().create_database();
        let url = database.url.parse().unwrap();
        let store = SeaOrmStore::open(&url, PoolSettings::default()).await;
        store.unwrap().migrate_up().await.unwrap();
        database.url
    });
    let url = database.await.parse().unwrap();
    let store = SeaOrmStore::open(&url, PoolSettings::default()).await;
    let write = store.as_ref().unwrap().write().await.unwrap();
    for costly in ["seqscan", "sort", "hashjoin", "mergejoin"] {
        let forbid = format!("SET LOCAL enable_{costly} = off");
        write.txn.execute_unprepared(&forbid).await.unwrap();
    }
    let explain = Statement {
        sql: format!("EXPLAIN {}", query.sql),
        ..query
    };
    let steps = write.txn.query_all_raw(explain).await.unwrap();
    let steps = steps.iter().map(|step| step.try_get_by_index(0).unwrap());
    steps.collect::<Vec<String>>().join("\n")
}

async fn assert_uses(query: impl QueryTrait, indexes: &[&str]) {
    let plan = plan_on_server(query.build(DbBackend::Postgres)).await;
    // Rows come in the order of the index; few have the same time.
    let plan = plan.replace("Incremental Sort", "");
    for costly in ["Seq Scan", "Sort  ("] {
        assert!(!plan.contains(costly), "{costly}:\n{plan}");
    }
    let plan = self::plan(query.build(DbBackend::Sqlite)).await;
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
    let links = "ix_device_codes_access_key_id";
    assert_uses(query, &["(hash=?)", links]).await;
    let query = workloads::with_identity(&KeyedHash::from_bytes([0; 32]));
    assert_uses(query, &["ix_workloads_identity", links]).await;
    let query = workloads::delete_expired(NOW, 100);
    assert_uses(query, &["ix_used_tokens_expires_at"]).await;
    let query = keys::links_of(AccessKeyId(1));
    assert_uses(query, &[links]).await;
}

#[tokio::test]
async fn what_keys_open_is_read_and_confirmed_by_indexes() {
    let hash = KeyedHash::from_bytes([0; 32]);
    let seen = [(AccessKeyId(1), RowVersion::new("x"))];
    let questions = |backend| {
        [
            reads::opening(backend, &hash),
            reads::changed(backend, &seen),
        ]
    };
    for question in questions(DbBackend::Sqlite) {
        // The parameter is a list.
        let plan = plan(question).await.replace("SCAN seen", "");
        assert!(!plan.contains("SCAN"), "{plan}");
    }
    for question in questions(DbBackend::Postgres) {
        let plan = plan_on_server(question).await;
        assert!(!plan.contains("Seq Scan"), "{plan}");
    }
}

#[tokio::test]
async fn audit_entries_are_found_by_indexes() {
    let all = AuditFilter::default();
    let after = AuditNumber(7);
    assert_uses(audit::filtered(&all, after), &["(rowid>?)"]).await;
    let account = AuditFilter {
        account: Some(AccountId(1)),
        ..all.clone()
    };
    assert_uses(
        audit::filtered(&account, after),
        &["ix_audit_log_account_id"],
    )
    .await;
    let key = AuditFilter {
        key: Some(AccessKeyId(1)),
        ..all.clone()
    };
    assert_uses(audit::filtered(&key, after), &["ix_audit_log_key_id"]).await;
    let kind = AuditFilter {
        kind: Some(AuditKind::KeyDeleted),
        ..all
    };
    assert_uses(audit::filtered(&kind, after), &["ix_audit_log_kind"]).await;
    let references = vec![vec![1; 16], vec![2; 16]];
    assert_uses(audit::with_references(references), &["(reference=?)"]).await;
}

#[tokio::test]
async fn due_polls_are_claimed_by_an_index() {
    let busy = [ProviderName::new("github")];
    // Few polls are due, and those are sorted.
    let query = links::due_in_turns(NOW, 10, &busy);
    let plan = plan(query.build(DbBackend::Sqlite)).await;
    assert!(plan.contains("poll_due_at<?"), "{plan}");
    assert!(!plan.contains("SCAN device_codes"), "{plan}");
    let next = claims::next_due::<device_codes::Entity>(&busy);
    assert_uses(next, &["ix_device_codes_poll_due_at"]).await;
}

#[tokio::test]
async fn due_refreshes_are_claimed_by_an_index() {
    let index = ["ix_tokens_refresh_due_at"];
    assert_uses(claims::due::<tokens::Entity>(NOW, 10, &[]), &index).await;
    assert_uses(claims::next_due::<tokens::Entity>(&[]), &index).await;
}

#[tokio::test]
async fn busy_providers_are_passed_over_by_an_index() {
    for last in [None, Some("github")] {
        let index = ["ix_tokens_provider_refresh_due_at (provider>?)"];
        assert_uses(open_providers::next_provider(last), &index).await;
    }
    let index = ["ix_tokens_provider_refresh_due_at (provider=? AND refresh_due_at<?)"];
    let due = open_providers::due_at_provider("github", NOW, 10);
    assert_uses(due, &index).await;
    let claim = claims::claim_rows::<tokens::Entity>(NOW, NOW, vec![1, 2]);
    assert_uses(claim, &["INTEGER PRIMARY KEY (rowid=?)"]).await;
}

#[tokio::test]
async fn what_a_wrong_clock_has_dated_is_found_by_indexes() {
    let paused = clock_steps::paused(NOW).limit(1);
    assert_uses(paused, &["ix_tokens_waiting_until (refresh_due_at>?)"]).await;
    let planned = clock_steps::planned(NOW).limit(1);
    assert_uses(planned, &["ix_tokens_obtained_at (obtained_at>?)"]).await;
    let polls = clock_steps::beyond::<device_codes::Entity>(NOW, POLL_HORIZON).limit(1);
    assert_uses(polls, &["ix_device_codes_poll_due_at"]).await;
    let outbox = clock_steps::beyond::<outgoing::Entity>(NOW, REVOCATION_HORIZON).limit(1);
    assert_uses(outbox, &["ix_revocations_due_at"]).await;
    let endless = clock_steps::endless(NOW).limit(1);
    assert_uses(endless, &["ix_device_codes_expires_at (expires_at>?)"]).await;
}

#[tokio::test]
async fn the_next_probe_is_found_by_indexes() {
    let fault = Fault::new(FaultCode::ProviderUnavailable, "gone");
    let outage = Outage::begin(ProviderName::new("github"), fault, None, NOW, 0.0);
    let outage = outage.probing(AccountId(1), NOW).probing(AccountId(2), NOW);
    let index = ["ix_tokens_provider_refresh_due_at (provider=? AND refresh_due_at<?)"];
    assert_uses(outages::unfailed(&outage, NOW), &index).await;
    assert_uses(outages::due(&outage, NOW), &index).await;
    let next = outages::next_unfailed(&outage);
    assert_uses(next, &["ix_tokens_provider_refresh_due_at"]).await;
}

#[tokio::test]
async fn tokens_are_locked_by_indexes() {
    let query = locked(tokens::Column::AccountId.eq(1));
    assert_uses(query, &["(account_id=?)"]).await;
    let provider = accounts::Column::Provider.eq("github");
    let ada = provider.and(accounts::Column::AccountId.eq("ada"));
    assert_uses(locked(ada), &["(provider=? AND account_id=?)"]).await;
}

#[tokio::test]
async fn open_links_are_counted_in_an_index() {
    let query = links::open_links(NOW).limit(10_000);
    assert_uses(query, &["ix_device_codes_expires_at"]).await;
}

#[tokio::test]
async fn wrong_codes_are_counted_and_forgotten_by_an_index() {
    let index = ["ix_wrong_codes_tried_at"];
    let limit = GuessLimit::new(Duration::from_secs(600));
    let counting = limit.counting(NOW);
    assert_uses(guesses::latest(&counting, 100), &index).await;
    let network = KeyedHash::from_bytes([0; 32]);
    let of_network = ["ix_wrong_codes_network_tried_at"];
    assert_uses(guesses::latest_of(&network, &counting), &of_network).await;
    let surplus = guesses::delete_surplus(10_000).build(DbBackend::Sqlite);
    let surplus = plan(surplus).await;
    assert!(surplus.contains("COVERING INDEX ix_wrong_codes_tried_at (tried_at<?)"));
    assert_uses(guesses::delete_old(NOW, 10), &index).await;
}

#[tokio::test]
async fn ends_of_grants_are_found_by_indexes() {
    let week = NOW..NOW + Duration::from_secs(7 * 86_400);
    let indexes = [
        "ix_tokens_grant_expires_at",
        "ix_tokens_refresh_token_expires_at",
        "ix_tokens_access_token_expires_at",
    ];
    for (ending, index) in grant_ends::unannounced(&week).into_iter().zip(indexes) {
        assert_uses(ending, &[index]).await;
    }
    assert_uses(grant_ends::expired(NOW).limit(10), &indexes[2..]).await;
}

#[tokio::test]
async fn sessions_are_forgotten_by_an_index() {
    let unused = admin_sessions::delete_unused(NOW, 10);
    assert_uses(unused, &["ix_admin_sessions_seen_at"]).await;
}

#[tokio::test]
async fn links_that_are_over_are_found_by_indexes() {
    let indexes = ["ix_device_codes_ended_at", "ix_device_codes_expires_at"];
    assert_uses(links::over_before(NOW, NOW).limit(10), &indexes).await;
    let left_over = ["ix_device_codes_account_id"];
    assert_uses(links::ended_without_account(NOW), &left_over).await;
    assert_uses(links::ran_out_before(NOW), &indexes[1..]).await;
}

#[tokio::test]
async fn links_of_networks_are_counted_in_indexes() {
    let network = KeyedHash::from_bytes([0; 32]);
    let codes = links::codes_of(&network, NOW).offset(299).limit(1);
    assert_uses(
        codes,
        &["COVERING INDEX ix_device_codes_network_created_at"],
    )
    .await;
    let of_network = links::underway_from(&network, NOW).limit(10);
    let index = ["ix_device_codes_confirmed_from_expires_at"];
    assert_uses(of_network, &index).await;
    let index = ["ix_device_codes_expires_at"];
    assert_uses(links::underway(NOW).limit(10), &index).await;
}

#[tokio::test]
async fn due_revocations_are_claimed_by_an_index() {
    let index = ["ix_revocations_due_at"];
    for busy in [vec![], vec![ProviderName::new("github")]] {
        let claim = claims::due::<outgoing::Entity>(NOW, 10, &busy);
        assert_uses(claim, &index).await;
        assert_uses(claims::next_due::<outgoing::Entity>(&busy), &index).await;
    }
}

#[tokio::test]
async fn revocations_that_are_over_are_found_by_an_index() {
    let query = revocations::delete_over(NOW, 10);
    assert_uses(query, &["ix_revocations_ended_at"]).await;
}

#[tokio::test]
async fn what_is_pending_of_a_person_is_cancelled_by_an_index() {
    let (provider, account_id) = (ProviderName::new("github"), "ada".to_owned());
    let person = AccountKey {
        provider,
        account_id,
    };
    let index = ["ix_revocations_provider_person (provider=? AND person=?)"];
    assert_uses(outbox::pending_of(&person, NOW), &index).await;
}

#[tokio::test]
async fn live_accounts_are_found_by_indexes() {
    let provider = ProviderName::new("github");
    let ada = outbox::live_accounts(&provider, Some("ada"));
    assert_uses(ada, &["(provider=? AND account_id=?)"]).await;
    let anybody = outbox::live_accounts(&provider, None);
    assert_uses(anybody, &["ix_accounts_provider"]).await;
}

#[tokio::test]
async fn accounts_are_filtered_by_indexes() {
    let label = Label::parse("team:billing").unwrap();
    let by_label = AccountFilter {
        label: Some(label),
        ..AccountFilter::default()
    };
    let by_provider = AccountFilter {
        provider: Some(ProviderName::new("github")),
        ..AccountFilter::default()
    };
    let by_status = AccountFilter {
        status: Some(StatusAsOf {
            status: AccountStatus::Degraded,
            now: NOW,
            outages: Vec::new(),
        }),
        ..AccountFilter::default()
    };
    for (filter, index) in [
        (by_label, "(name=? AND value=? AND account_id>?)"),
        (by_provider, "ix_accounts_provider_id (provider=? AND id>?)"),
        (by_status, "ix_accounts_status_id (status=? AND id>?)"),
    ] {
        let query = filtered::matching(&filter, Some(AccountId(7)), 50);
        assert_uses(query, &[index]).await;
    }
    let labels = labels_of(&[AccountId(1), AccountId(2)]);
    assert_uses(labels, &["(account_id=?)"]).await;
}

#[tokio::test]
async fn keys_and_relinks_of_an_account_are_found_by_indexes() {
    let account = AccountId(1);
    for after in [None, Some(AccessKeyId(7))] {
        let query = keys::keys_of(account, after).limit(10);
        assert_uses(query, &["ix_access_keys_account_id"]).await;
    }
    let note = keys::note_use(AccessKeyId(1), NOW);
    assert_uses(note, &["INTEGER PRIMARY KEY (rowid=?)"]).await;
    let query = links::relinks_of(account);
    assert_uses(query, &["ix_device_codes_relink_of"]).await;
}

#[tokio::test]
async fn keys_of_tokens_are_found_by_skipping_in_an_index() {
    let index = ["ix_tokens_sealed_with (sealed_with>?)"];
    for last in [None, Some(vec![1; 10])] {
        assert_uses(seals::next_seals(last.as_ref()), &index).await;
    }
}

#[tokio::test]
async fn tokens_of_other_keys_are_found_by_an_index() {
    let query = seals::tokens_sealed_with(vec![1; 10], 7, 10);
    assert_uses(query, &["ix_tokens_sealed_with (sealed_with=? AND id>?)"]).await;
}

/// Only rows that have not ended are read completely.
#[tokio::test]
async fn keys_of_what_passes_are_found_in_what_has_not_ended() {
    let links = sealed_rows::starts::<device_codes::Entity>();
    let links = plan(links.build(DbBackend::Sqlite)).await;
    assert!(
        links.contains("USING INDEX ix_device_codes_expires_at"),
        "{links}"
    );
    let outgoing = sealed_rows::starts::<outgoing::Entity>();
    let outgoing = plan(outgoing.build(DbBackend::Sqlite)).await;
    let index = "USING INDEX ix_revocations_provider_person";
    assert!(outgoing.contains(index), "{outgoing}");
}

#[tokio::test]
async fn rows_of_other_keys_come_in_the_order_of_their_numbers() {
    let query = sealed_rows::sealed_otherwise::<device_codes::Entity>(SealId([1; 5]), 7, 10);
    assert_uses(query, &["INTEGER PRIMARY KEY (rowid>?)"]).await;
}
