//! Continues the ids of new rows where the source stopped, so that no id is used twice. A revocation or an operator may
//! still refer to a deleted row.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::tables::Table;

/// Sets the destination's next ids beyond all ids that the source has used.
pub(super) async fn go_on(
    source: &impl ConnectionTrait,
    destination: &impl ConnectionTrait,
) -> Result<(), DbErr> {
    for table in Table::ALL {
        if let Some(last) = last_given(source, table).await? {
            give_later_than(destination, table, last).await?;
        }
    }
    Ok(())
}

/// Returns the highest id that the database has ever used for the table.
async fn last_given(db: &impl ConnectionTrait, table: Table) -> Result<Option<i64>, DbErr> {
    let (backend, name) = (db.get_database_backend(), table.name());
    let query = match backend {
        DbBackend::Postgres => format!(
            "SELECT last_value AS last FROM pg_sequences \
             WHERE schemaname || '.' || sequencename = \
                 (SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE c.oid = pg_get_serial_sequence('{name}', 'id')::regclass)"
        ),
        _ => format!("SELECT seq AS last FROM sqlite_sequence WHERE name = '{name}'"),
    };
    let row = db.query_one_raw(Statement::from_string(backend, query));
    match row.await? {
        Some(row) => row.try_get("", "last"),
        None => Ok(None),
    }
}

async fn give_later_than(db: &impl ConnectionTrait, table: Table, last: i64) -> Result<(), DbErr> {
    let (backend, name) = (db.get_database_backend(), table.name());
    let statements = match backend {
        DbBackend::Postgres => vec![format!(
            "SELECT setval(pg_get_serial_sequence('{name}', 'id'), \
             greatest({last}, (SELECT coalesce(max(id), 1) FROM {name})))"
        )],
        // SQLite adds a table to `sqlite_sequence` when the table gets its first row, so the table may be missing
        // there.
        _ => vec![
            format!(
                "INSERT INTO sqlite_sequence (name, seq) SELECT '{name}', 0 \
                 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = '{name}')"
            ),
            format!("UPDATE sqlite_sequence SET seq = max(seq, {last}) WHERE name = '{name}'"),
        ],
    };
    for statement in statements {
        db.execute_unprepared(&statement).await?;
    }
    Ok(())
}
