//! `central-oauth replicas`: lists the replicas that share the database.

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::ReplicaStore;
use central_oauth_domain::replica::Replica;
use serde_json::json;

use super::help::{DATABASE, Notes};
use super::migrate::{must_be_up_to_date, must_exist};
use super::print::{self, printable, result, tell};
use super::table::{distance, lay_out};
use super::when::rfc3339;
use super::{Exit, Failure};
use crate::config::{Environment, StoreConfig};
use crate::wiring;

const NOTES: Notes = Notes::of(&["central-oauth replicas", "central-oauth replicas --json"])
    .text("Needs no secret key.")
    .variables(DATABASE);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    /// Print a JSON array, for scripts.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let config = StoreConfig::read(environment)?;
    print::install_log(environment)?;
    must_exist(&config.url)?;
    let (store, clock) = wiring::store_and_clock(&config).await?;
    must_be_up_to_date(&store).await?;
    let now = clock.now();
    let replicas = store.replicas().await?;
    store.close().await?;
    if options.json {
        let items: Vec<_> = replicas.iter().map(|replica| json(replica, now)).collect();
        print::json(&items)?;
    } else if replicas.is_empty() {
        tell("No replica was seen in the last 24 hours.");
    } else {
        let rows = replicas.iter().map(|replica| row(replica, now));
        result(lay_out(["NAME", "VERSION", "STARTED", "SEEN"], rows))?;
    }
    Ok(Exit::Done)
}

fn row(replica: &Replica, now: Timestamp) -> [String; 4] {
    let ago = |at: Timestamp| format!("{} ago", distance(now.since(at).as_secs()));
    let seen = ago(replica.seen_at);
    let seen = match replica.is_running(now) {
        true => seen,
        false => format!("{seen}, gone"),
    };
    [
        printable(&replica.report.name),
        printable(&replica.report.version),
        ago(replica.report.started_at),
        seen,
    ]
}

fn json(replica: &Replica, now: Timestamp) -> serde_json::Value {
    json!({
        "instance": replica.report.instance,
        "name": replica.report.name,
        "version": replica.report.version,
        "started_at": rfc3339(replica.report.started_at),
        "seen_at": rfc3339(replica.seen_at),
        "is_there": replica.is_running(now),
    })
}
