//! The tables that a copy includes or leaves out.

use central_oauth_domain::ports::StoreError;
use sea_orm::ConnectionTrait;

use crate::entities::{
    self, access_keys, account_labels, accounts, announced_ends, audit_ends, audit_inbox,
    audit_log, device_codes, revocations, tokens, webhook_receivers, workloads,
};
use crate::statements::finds_any;

/// A table whose rows are copied.
pub(super) trait Copied: entities::Table {
    const GENERATED: &'static [Self::Column];
}

/// Defines the tables from their entities and generated columns. `$d` is a dollar sign, for the inner macro.
macro_rules! tables {
    ($d:tt $($table:ident: $entity:ident, generated [$($generated:ident),*];)+) => {
        /// The tables that are copied row by row, parents before children. `LEFT_OUT` lists the others, with reasons.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Table {
            $($table,)+
        }

        impl Table {
            pub(super) const ALL: [Self; [$(Self::$table),+].len()] = [$(Self::$table),+];

            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$table => stringify!($entity),)+
                }
            }
        }

        $(
            impl Copied for $entity::Entity {
                const GENERATED: &'static [Self::Column] = &[$($entity::Column::$generated),*];
            }
        )+

        /// Calls a generic function with the entity of a table.
        macro_rules! with_entity {
            ($d table:expr, $d function:ident($d($d argument:expr),*)) => {
                match $d table {
                    $(Table::$table => $d function::<crate::entities::$entity::Entity>($d($d argument),*).await,)+
                }
            };
        }
        pub(super) use with_entity;
    };
}

tables! { $
    Accounts: accounts, generated [];
    AccountLabels: account_labels, generated [];
    Tokens: tokens, generated [SealedWith, RefreshDueAt];
    AccessKeys: access_keys, generated [];
    DeviceCodes: device_codes, generated [PollDueAt];
    Revocations: revocations, generated [DueAt];
    Workloads: workloads, generated [];
    AuditInbox: audit_inbox, generated [];
    AuditLog: audit_log, generated [];
    AuditEnds: audit_ends, generated [];
    WebhookReceivers: webhook_receivers, generated [];
    AnnouncedEnds: announced_ends, generated [];
}

impl Table {
    pub(super) const fn may_be_sealed(self) -> bool {
        matches!(self, Self::Tokens | Self::DeviceCodes | Self::Revocations)
    }
}

/// Whether all tables that are copied are empty.
pub(crate) async fn is_empty(db: &impl ConnectionTrait) -> Result<bool, StoreError> {
    for table in Table::ALL {
        if with_entity!(table, has_rows(db))? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn has_rows<E: Copied>(db: &impl ConnectionTrait) -> Result<bool, StoreError> {
    finds_any(db, E::find()).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sea_orm::{ConnectionTrait, IdenStatic, Iterable, Statement};

    use super::*;
    use crate::{DatabaseUrl, PoolSettings, SeaOrmStore};

    /// The tables that are not copied row by row.
    const LEFT_OUT: &[(&str, &str)] = &[
        (
            "service_keys",
            "the hash key completes a copy, so it is written last",
        ),
        (
            "replicas",
            "the replicas of the source do not use the destination",
        ),
        (
            "admin_sessions",
            "operators log in again: the destination may have other operators",
        ),
        (
            "wrong_codes",
            "wrong codes count for minutes only, and nobody who guesses can cause a copy",
        ),
        (
            "used_tokens",
            "a single-use JWT lasts an hour at most, and no service runs during a copy",
        ),
        (
            "outages",
            "a service at the destination soon detects the outage again",
        ),
        (
            "write_tests",
            "random bytes, which each write test replaces",
        ),
        (
            "seaql_migrations",
            "the destination is migrated separately, before anything is copied",
        ),
    ];

    /// Columns that only replicas of an older version use. The next minor version drops them.
    const UNUSED: &[(&str, &str)] = &[
        ("tokens", "spare_refresh_token"),
        ("revocations", "spare_refresh_token"),
    ];

    async fn names(store: &SeaOrmStore, query: &str) -> BTreeSet<String> {
        let session = store.read().await.unwrap();
        let query = Statement::from_string(session.get_database_backend(), query);
        let rows = session.query_all_raw(query).await.unwrap();
        let names = rows.iter().map(|row| row.try_get("", "name").unwrap());
        names.collect()
    }

    async fn columns<E: Copied>(store: &SeaOrmStore, table: &str) {
        // The values 2 and 3 of `hidden` mark generated columns.
        let all = format!("SELECT name FROM pragma_table_xinfo('{table}')");
        let generated = format!("{all} WHERE hidden IN (2, 3)");
        let ours = |columns: &mut dyn Iterator<Item = E::Column>| {
            columns.map(|column| column.as_str().to_owned()).collect()
        };
        let mut known: BTreeSet<String> = ours(&mut E::Column::iter());
        let unused = UNUSED.iter().filter(|(of, _)| *of == table);
        known.extend(unused.map(|(_, column)| (*column).to_owned()));
        assert_eq!(known, names(store, &all).await, "the entity of {table}");
        let left: BTreeSet<String> = ours(&mut E::GENERATED.iter().copied());
        assert_eq!(left, names(store, &generated).await, "GENERATED of {table}");
    }

    async fn migrated(folder: &tempfile::TempDir) -> SeaOrmStore {
        let url = DatabaseUrl::file(folder.path().join("store.sqlite3"));
        let store = SeaOrmStore::open(&url, PoolSettings::default()).await;
        let store = store.unwrap();
        store.migrate_up().await.unwrap();
        store
    }

    #[tokio::test]
    async fn every_table_is_copied_or_said_to_be_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = migrated(&folder).await;
        let all =
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut rest = names(&store, all).await;
        for table in Table::ALL {
            assert!(rest.remove(table.name()), "{table:?} is no table");
        }
        for (table, _) in LEFT_OUT {
            rest.remove(*table);
        }
        assert!(
            rest.is_empty(),
            "neither copied nor left out: {rest:?}. Add each to Table, or to LEFT_OUT with the reason"
        );
    }

    #[tokio::test]
    async fn every_column_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let store = migrated(&folder).await;
        for table in Table::ALL {
            with_entity!(table, columns(&store, table.name()));
        }
    }
}
