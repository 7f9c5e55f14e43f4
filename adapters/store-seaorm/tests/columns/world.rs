//! A database with eight rows of each kind. The test damages seven of them and leaves one healthy.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::admin_session::AdminSession;
use central_oauth_domain::audit::{AuditEvent, AuditKind};
use central_oauth_domain::grant::refresh::Outage;
use central_oauth_domain::grant::revocation::{
    NewRevocation, RevocableTokens, RevocationReference,
};
use central_oauth_domain::grant::{AccountId, KeyLimits, KeyMaker, NewGrant, NewKey, ProviderName};
use central_oauth_domain::link::{Guess, GuessLimit, PollSchedule, SealedConsent, SealedPrompt};
use central_oauth_domain::ports::{
    AdminSessionStore, AuditStore, GrantEndStore, GuessStore, KeyStore, LinkStore, LinkingWorkload,
    OutageStore, ReplicaStore, RevocationStore, SingleUse, WebhookStore, WriteTestStore,
};
use central_oauth_domain::replica::ReplicaReport;
use central_oauth_domain::testing::audit_chain;
use central_oauth_domain::webhook::ReceiverName;
use central_oauth_domain::workload::{NewWorkload, WorkloadBinding};
use central_oauth_domain::{Fault, FaultCode};
use central_oauth_store_seaorm::SeaOrmStore;
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, Statement};

use crate::common::{
    CODES, LATER, NOW, Scratch, audit, authorizing, code, grant, key, macs, new_link, pending,
    sealed,
};

/// The id of the healthy account, its link and its first key, and the number of the healthy row in most other tables.
pub(crate) const HEALTHY: i64 = 8;
/// The number of the first link whose poll is due.
pub(crate) const FIRST_DUE: u64 = 9;
/// Number of entries in the audit log.
pub(crate) const ENTRIES: usize = 40;
/// The number of the identity that all workloads share.
pub(crate) const IDENTITY: u64 = 91;
/// The number of the network that tries wrong codes.
pub(crate) const NETWORK: u64 = 92;

pub(crate) struct World {
    /// Deletes the files when the test ends.
    _scratch: Scratch,
    pub(crate) store: Arc<SeaOrmStore>,
    /// A connection that bypasses the store.
    pub(crate) raw: DatabaseConnection,
    restore: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let scratch = Scratch::new();
        let store = scratch.migrated().await;
        fill(&store).await;
        store.close().await.unwrap();
        let template = scratch.path().with_extension("template");
        std::fs::copy(scratch.path(), &template).unwrap();
        let url = format!("sqlite://{}", scratch.path().display());
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let raw = sea_orm::Database::connect(options).await.unwrap();
        let attach = format!("ATTACH '{}' AS template", template.display());
        raw.execute_unprepared(&attach).await.unwrap();
        let mut world = Self {
            store: Arc::new(scratch.open().await),
            _scratch: scratch,
            raw,
            restore: String::new(),
        };
        world.restore = world.restoring().await;
        world
    }

    /// Returns all tables with their columns, except primary keys and generated columns.
    pub(crate) async fn columns(&self) -> Vec<(String, String)> {
        let sql = "SELECT m.name AS a, c.name AS b FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c \
                   WHERE m.type = 'table' AND c.hidden = 0 AND c.pk = 0 ORDER BY m.name, c.cid";
        self.pairs(sql).await
    }

    async fn pairs(&self, sql: &str) -> Vec<(String, String)> {
        let sql = Statement::from_string(self.raw.get_database_backend(), sql);
        let rows = self.raw.query_all_raw(sql).await.unwrap();
        let pair = |row: &sea_orm::QueryResult| {
            let text = |name| row.try_get("", name).unwrap();
            (text("a"), text("b"))
        };
        rows.iter().map(pair).collect()
    }

    /// Restores all rows from the template, which is a copy of the filled database.
    pub(crate) async fn restore(&self) {
        self.raw.execute_unprepared(&self.restore).await.unwrap();
    }

    async fn restoring(&self) -> String {
        let sql = "SELECT m.name AS a, group_concat('\"' || c.name || '\"') AS b \
                   FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c \
                   WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND c.hidden = 0 GROUP BY m.name";
        let tables = self.pairs(sql).await.into_iter();
        let each = tables.map(|(table, columns)| {
            format!(
                "DELETE FROM main.{table}; \
                 INSERT INTO main.{table} ({columns}) SELECT {columns} FROM template.{table};"
            )
        });
        let each = each.collect::<String>();
        format!("PRAGMA foreign_keys = OFF; BEGIN; {each} COMMIT; PRAGMA foreign_keys = ON")
    }

    /// Returns the ids of the rows of a table that the test damages.
    pub(crate) async fn victims(&self, table: &str) -> Vec<i64> {
        let which = match table {
            "device_codes" => "id BETWEEN 9 AND 15",
            // The keys of the first accounts, and further keys of the healthy account.
            "access_keys" => "id IN (1, 2, 3, 17, 18, 19, 20)",
            "workloads" => "id BETWEEN 25 AND 31",
            // Includes the last entry.
            "audit_log" => "id > 33",
            _ => "true ORDER BY id LIMIT 7",
        };
        let sql = format!("SELECT id FROM template.{table} WHERE {which}");
        let sql = Statement::from_string(self.raw.get_database_backend(), sql);
        let rows = self.raw.query_all_raw(sql).await.unwrap();
        let rows = rows.iter().map(|row| row.try_get("", "id").unwrap());
        rows.collect()
    }
}

async fn fill(store: &SeaOrmStore) {
    for n in 1..=8 {
        let link = authorizing(store, n).await;
        let new = NewGrant {
            next_refresh_at: Some(NOW),
            grant_expires_at: Some(LATER),
            ..grant(&format!("person {n}"))
        };
        let completed = store.complete_link(&link, new, NOW, macs(), audit());
        completed.await.unwrap();
    }
    for n in FIRST_DUE..FIRST_DUE + 8 {
        due(store, n).await;
    }
    for n in 17..=24 {
        let created = store.create_key(reader(AccountId(HEALTHY), n), 100, macs(), audit());
        created.await.unwrap();
    }
    for n in 1..=HEALTHY {
        workload(store, AccountId(n)).await;
    }
    for n in 1..=HEALTHY {
        others(store, n).await;
    }
    let chained = store.chain_entries(&audit_chain(), 100, NOW).await.unwrap();
    assert_eq!(chained.taken, ENTRIES as u64);
    for _ in 0..8 {
        let entry = audit().entry(AuditEvent::new(AuditKind::ReceiverAltered));
        store.store_entries(&[entry]).await.unwrap();
    }
    store.test_write(Some(Duration::ZERO)).await.unwrap();
}

async fn due(store: &SeaOrmStore, n: u64) {
    let link = pending(store, n).await;
    let consent = SealedConsent {
        handle: sealed("device code"),
        prompt: SealedPrompt::UserCode {
            user_code: sealed("user code"),
            verification_uri: "https://provider.example/device".to_owned(),
            verification_uri_complete: None,
        },
        callback: None,
        client_id: Some("broker".to_owned()),
    };
    let poll = Some(PollSchedule::at_once(NOW));
    let begun = store.begin_consent(&link, consent, poll, LATER, NOW);
    begun.await.unwrap();
}

fn reader(account: AccountId, n: u64) -> NewKey {
    NewKey {
        account,
        hash: key(n),
        name: format!("key {n}"),
        maker: KeyMaker::Operator,
        limits: KeyLimits::default(),
        created_at: NOW,
        expires_at: None,
        workload: None,
    }
}

async fn workload(store: &SeaOrmStore, account: AccountId) {
    let workload = NewWorkload {
        identity: key(IDENTITY),
        mac: key(93),
        binding: WorkloadBinding {
            workload: "nightly".to_owned(),
            issuer: "https://ci.example".to_owned(),
            claims: [("sub", "project:7")].into_iter().collect(),
        },
    };
    let n = 24 + account.0.unsigned_abs();
    let key = NewKey {
        workload: Some(workload),
        ..reader(account, n)
    };
    let created = store.create_key(key, 100, macs(), audit());
    created.await.unwrap();
}

async fn others(store: &SeaOrmStore, n: i64) {
    let small = n.unsigned_abs();
    assert!(store.store_stray(stray(n)).await.unwrap());
    let provider = ProviderName::new(format!("p{n}"));
    let fault = Fault::new(FaultCode::ProviderUnavailable, "down");
    let outage = Outage::begin(provider, fault, None, NOW);
    assert!(store.begin_outage(outage).await.unwrap().is_some());
    store.check_in(&presence(n), NOW).await.unwrap();
    let guess = Guess {
        network: code(NETWORK),
        at: NOW,
        is_wrong: true,
    };
    let limit = GuessLimit::new(Duration::from_secs(600));
    store.admit_guess(&guess, limit).await.unwrap().unwrap();
    store.begin_session(&session(n)).await.unwrap();
    let added = audit().entry(AuditEvent::new(AuditKind::ReceiverAdded));
    let added = store.add_receiver(&receiver(n), None, macs(), added).await;
    assert!(added.unwrap());
    let account = central_oauth_domain::ports::AccountStore::account(store, AccountId(n)).await;
    let ends = AuditEvent::ends_soon(&account.unwrap().unwrap(), Duration::ZERO);
    let announced = store.announce_end(AccountId(n), LATER, audit().entry(ends));
    assert!(announced.await.unwrap());
    let mut asking = new_link(100 + small);
    asking.network = Some(code(NETWORK));
    asking.workload = Some(LinkingWorkload {
        token: SingleUse {
            hash: code(small),
            expires_at: NOW,
        },
        binding: None,
    });
    let created = store.create_link(asking, u64::MAX, CODES, macs()).await;
    created.unwrap();
}

pub(crate) fn stray(n: i64) -> NewRevocation {
    NewRevocation {
        reference: RevocationReference([n.try_into().unwrap(); 16]),
        provider: ProviderName::new("github"),
        person: None,
        account: None,
        origin: grant("").origin,
        tokens: RevocableTokens {
            refresh_token: Some(sealed("stray")),
            ..RevocableTokens::default()
        },
        requested_at: NOW,
        created_at: NOW,
        lease_until: None,
    }
}

pub(crate) fn presence(n: i64) -> ReplicaReport {
    ReplicaReport {
        instance: format!("instance {n}"),
        name: format!("replica {n}"),
        version: "1".to_owned(),
        started_at: NOW,
    }
}

pub(crate) fn session(n: i64) -> AdminSession {
    AdminSession {
        token: code(n.unsigned_abs()),
        created_at: NOW,
        seen_at: NOW,
        mac: code(94),
    }
}

pub(crate) fn receiver(n: i64) -> ReceiverName {
    ReceiverName::parse(&format!("receiver-{n}")).unwrap()
}
