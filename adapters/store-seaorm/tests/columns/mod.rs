//! Overwrites every column of some rows with values of every SQLite storage class. Checks that the work on all other
//! rows continues.
#![allow(clippy::unwrap_used, reason = "this is test code")]

mod work;
mod world;

use sea_orm::ConnectionTrait as _;
use work::Work;
use world::World;

/// Values of every storage class, and values that are out of range. `{}` stands for the column.
const VALUES: [&str; 7] = [
    "NULL",
    "-1",
    "9223372036854775807",
    "1.5",
    "{} + 0.5",
    "'x'",
    "x'fffe'",
];

/// Tables that are not damaged, because the checked calls do not read them.
const LEFT_OUT: [&str; 3] = ["seaql_migrations", "service_keys", "sqlite_sequence"];

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_no_other() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    let mut damaged = 0;
    for (table, column) in world.columns().await {
        if LEFT_OUT.contains(&&*table) {
            continue;
        }
        let victims = world.victims(&table).await;
        for values in VALUES.chunks(victims.len()) {
            world.restore().await;
            let mut done = Vec::new();
            for (row, value) in victims.iter().zip(values) {
                let value = value.replace("{}", &column);
                let damage = format!("UPDATE {table} SET {column} = {value} WHERE id = {row}");
                // The database rejects some of the values.
                if world.raw.execute_unprepared(&damage).await.is_ok() {
                    done.push(value);
                }
            }
            damaged += done.len();
            let work = Work::beside(&table, &world.store).await;
            let faults = work.faults.iter();
            wrong.extend(faults.map(|fault| format!("{table}.{column} {done:?}: {fault}")));
        }
    }
    assert!(damaged > 800, "only {damaged} values were stored");
    assert!(
        wrong.is_empty(),
        "{} faults:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test]
async fn all_work_is_done_without_damage() {
    let world = World::new().await;
    let work = Work::beside("accounts", &world.store).await;
    assert!(work.faults.is_empty(), "{:#?}", work.faults);
}
