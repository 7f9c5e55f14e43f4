//! `central-oauth audit`: exports the audit log, or checks that nobody has changed it.

use central_oauth_domain::audit::{AuditChain, AuditEntry, AuditNumber, AuditPosition};
use central_oauth_domain::usecases::{VerifiedLog, VerifyError, export_audit, verify_audit};
use serde_json::{Map, Value, json};

use super::help::{Notes, SEALED};
use super::migrate::unlocked_store;
use super::when::rfc3339;
use super::{Exit, Failure, print};
use crate::config::Environment;
use crate::wiring;

pub(super) const NOTES: Notes = Notes::of(&[
    "central-oauth audit verify",
    "central-oauth audit export > audit.jsonl",
])
.text("The service may keep running.")
.variables(SEALED);

const EXPORT_NOTES: Notes = Notes::of(&["central-oauth audit export > audit.jsonl"])
    .exits(&[Exit::WrongPin, Exit::Tampered])
    .variables(SEALED);

const VERIFY_NOTES: Notes = Notes::of(&[
    "central-oauth audit verify",
    "central-oauth audit verify --head 1000:5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
])
.text(
    "\
Keep the head where nobody who can write to the database can change it. Without --head, the command cannot notice that
the log was emptied or replaced by an older copy. A head older than CENTRAL_OAUTH_AUDIT_RETENTION proves nothing.",
)
.exits(&[Exit::WrongPin, Exit::Tampered])
.variables(SEALED);

#[derive(clap::Subcommand)]
pub(super) enum Action {
    /// Print all entries, one JSON object per line. The last line is the head of the log: the number and the hash of
    /// the last entry. Fails if the log was changed.
    #[command(after_long_help = EXPORT_NOTES.render())]
    Export {
        /// Print only the entries after the one with this id. All entries are checked.
        #[arg(long, value_name = "ID")]
        after: Option<AuditNumber>,
    },
    /// Check that nobody has changed the log, and print its head, the number and the hash of the last entry.
    #[command(after_long_help = VERIFY_NOTES.render())]
    Verify {
        /// A head that an earlier export or check has printed, as NUMBER:HASH. If the log does not contain it, the command
        /// fails: somebody has removed the last entries, or replaced the database by an older copy.
        #[arg(long, value_name = "HEAD")]
        head: Option<AuditPosition>,
    },
}

pub(super) async fn run(action: Action, environment: &Environment) -> Result<Exit, Failure> {
    let (store, vault) = unlocked_store(environment).await?;
    let chain = AuditChain::new(vault);
    let done = match action {
        Action::Export { after } => export(&store, &chain, after).await,
        Action::Verify { head } => verify(&store, &chain, head).await,
    };
    store.close().await?;
    done.map(|()| Exit::Done)
}

async fn export(
    store: &wiring::Store,
    chain: &AuditChain,
    after: Option<AuditNumber>,
) -> Result<(), Failure> {
    let mut printed = Ok(());
    let mut print_entry = |entry: &AuditEntry| {
        if printed.is_ok() && after.is_none_or(|after| entry.number > after) {
            printed = print::result(line(entry));
        }
    };
    let exported = export_audit(store, chain, None, &mut print_entry).await;
    printed?;
    let VerifiedLog { entries, head } = exported.map_err(failure)?;
    print::result(json!({ "head": head.to_string(), "entries": entries }))
}

async fn verify(
    store: &wiring::Store,
    chain: &AuditChain,
    head: Option<AuditPosition>,
) -> Result<(), Failure> {
    let verified = verify_audit(store, chain, head).await;
    let VerifiedLog { entries, head } = verified.map_err(failure)?;
    if entries == 0 {
        print::warn(
            "the log is empty, but each start of the service adds an entry; has somebody emptied the tables?",
        );
    }
    print::result(format_args!("Entries verified: {entries}"))?;
    print::result(format_args!("Head: {head}"))
}

fn failure(error: VerifyError) -> Failure {
    match error {
        VerifyError::Broken(broken) => Failure::new(
            Exit::Tampered,
            format!("the audit log was changed outside the service: {broken}"),
        ),
        VerifyError::Store(error) => error.into(),
    }
}

fn line(entry: &AuditEntry) -> Value {
    let content = &entry.content;
    let detail = content.details();
    let detail = detail.map(|(name, value)| (name.to_owned(), Value::from(value)));
    let mut fields = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        fields.extend(value.map(|value| (name.to_owned(), value)));
    };
    add("id", Some(entry.number.to_string().into()));
    add("at", Some(rfc3339(content.at).into()));
    add("kind", Some(content.kind.as_str().into()));
    add("actor", Some(content.actor.as_str().into()));
    add(
        "network",
        Some(content.network.as_deref().unwrap_or("none").into()),
    );
    add("account", content.account.map(|id| id.to_string().into()));
    add("key", content.key.map(|id| id.to_string().into()));
    add("detail", Some(Value::Object(detail.collect())));
    add("hash", Some(AuditPosition::of(entry).hash().into()));
    Value::Object(fields)
}
