//! Saves rows without explicit transactions. Saves that wait at the same time form a group, which runs as one statement.
//! For each row, such a statement costs the server a third of a statement for one row.
//!
//! - One group runs at a time. The next group begins as soon as it has finished, with the saves that have joined
//!   meanwhile.
//! - If a group fails, the saves that wait fail too. Their callers then use transactions on other connections. So a save
//!   is delayed by at most one failed group.

use std::sync::Arc;

use sea_orm::{DbBackend, DbErr, Statement};
use tokio::sync::oneshot;
use tracing::Span;

use super::Postgres;
use crate::database::waiting::{Group, Member};

/// Maximum number of rows per statement. It is also the `LIMIT` in the statement, which tells PostgreSQL's planner that
/// there are few rows.
pub(crate) const MOST_SAVED_AT_ONCE: usize = 16;

pub(super) type Saves = Group<Save>;

/// A row that waits to be saved.
pub(super) struct Save {
    /// Takes a JSON array of rows. Returns the places in it, from 1 on, of the rows that were saved.
    sql: &'static str,
    /// A JSON object.
    row: String,
    caller: oneshot::Sender<bool>,
    span: Span,
}

impl Member for Save {
    fn is_awaited(&self) -> bool {
        !self.caller.is_closed()
    }

    fn span(&self) -> Span {
        self.span.clone()
    }
}

impl Save {
    fn answer(self, is_saved: bool) {
        // The send fails only if the caller is gone.
        let _ = self.caller.send(is_saved);
    }
}

/// Saves a row in a group. All rows of a group are saved by the statement of its first member. Returns whether the row
/// was saved; after a failure, this is unknown and `false` is returned.
pub(super) async fn save(server: &Arc<Postgres>, sql: &'static str, row: String) -> bool {
    let (caller, answer) = oneshot::channel();
    let span = Span::current();
    let save = Save {
        sql,
        row,
        caller,
        span,
    };
    if server.saves.join(save) {
        let server = Arc::clone(server);
        tokio::spawn(async move {
            let save = || {
                let server = Arc::clone(&server);
                async move { save_group(&server).await }
            };
            server.saves.lead(save).await;
        });
    }
    answer.await.unwrap_or(false)
}

async fn save_group(server: &Postgres) {
    let mut members = Vec::new();
    while members.len() < MOST_SAVED_AT_ONCE
        && let Some((member, _)) = server.saves.next()
    {
        members.push(member);
    }
    let Some(first) = members.first() else {
        return;
    };
    let rows: Vec<_> = members.iter().map(|member| &*member.row).collect();
    let rows = format!("[{}]", rows.join(","));
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, first.sql, [rows.into()]);
    let saved = places(server, statement).await;
    for (place, member) in (1..).zip(members) {
        let is_saved = saved.as_ref().is_ok_and(|saved| saved.contains(&place));
        member.answer(is_saved);
    }
    if saved.is_err() {
        for member in server.saves.take_all() {
            member.answer(false);
        }
    }
}

async fn places(server: &Postgres, statement: Statement) -> Result<Vec<i64>, DbErr> {
    let rows = server.save_at_once(statement).await?;
    let places = rows.iter().map(|row| row.try_get_by_index(0));
    places.collect()
}
