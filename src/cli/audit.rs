//! `central-oauth audit`: exports the audit log, or checks that nobody has changed it.

use std::str::FromStr;
use std::sync::Arc;

use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{AuditChain, AuditEntry, AuditNumber, AuditPosition};
use central_oauth_domain::secret::KeyedHash;
use central_oauth_domain::usecases::{Verified, VerifyError, export_audit, verify_audit};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::help::{Notes, SEALED};
use super::migrate::must_exist;
use super::{Exit, Failure, print};
use crate::config::{Environment, Keys, LogConfig, StoreConfig};
use crate::{telemetry, wiring};

const NOTES: Notes = Notes {
    text: "The service may keep running.",
    examples: &[
        "central-oauth audit verify",
        "central-oauth audit export > audit.jsonl",
    ],
    exits: &[],
    variables: SEALED,
};

const EXPORT_NOTES: Notes = Notes {
    text: "",
    examples: &["central-oauth audit export > audit.jsonl"],
    exits: &[],
    variables: SEALED,
};

const VERIFY_NOTES: Notes = Notes {
    text: "\
Keep the head where nobody who can write to the database can change it. Only a kept head reveals that the whole database
was replaced by an older copy. A head that is older than CENTRAL_OAUTH_AUDIT_RETENTION proves nothing any more.",
    examples: &[
        "central-oauth audit verify",
        "central-oauth audit verify --head 1000:5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
    ],
    exits: &[],
    variables: SEALED,
};

/// Options of `audit`.
#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Print all entries, one JSON object per line. The last line is the head of the log. Fails where the log was changed.
    #[command(after_long_help = EXPORT_NOTES.render())]
    Export,
    /// Check that nobody has changed the log, and print its head.
    #[command(after_long_help = VERIFY_NOTES.render())]
    Verify {
        /// A head that an earlier export or check has printed, as NUMBER:HASH. Fails if the log does not contain it: entries
        /// are missing at the end, or the database was replaced by an older copy.
        #[arg(long, value_name = "HEAD")]
        head: Option<Head>,
    },
}

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let (config, keys) = (StoreConfig::read(environment)?, Keys::read(environment)?);
    telemetry::install(LogConfig::read(environment, "warn")?);
    must_exist(&config.url)?;
    let entropy = Arc::new(wiring::entropy());
    let keys = keys.secret.unwrap().await?;
    let (store, vault) = wiring::unlocked_store(&config, &keys, &entropy).await?;
    let chain = AuditChain::new(vault);
    let done = match options.action {
        Action::Export => export(&store, &chain).await,
        Action::Verify { head } => verify(&store, &chain, head).await,
    };
    store.close().await.map_err(Failure::other)?;
    done.map(|()| Exit::Done)
}

async fn export(store: &wiring::Store, chain: &AuditChain) -> Result<(), Failure> {
    let mut printed = Ok(());
    let mut print_entry = |entry: &AuditEntry| {
        if printed.is_ok() {
            printed = print::result(line(entry));
        }
    };
    let exported = export_audit(store, chain, None, &mut print_entry).await;
    printed?;
    let Verified { entries, head } = exported.map_err(told)?;
    print::result(json!({ "head": Head(head).to_string(), "entries": entries }))
}

async fn verify(
    store: &wiring::Store,
    chain: &AuditChain,
    head: Option<Head>,
) -> Result<(), Failure> {
    let verified = verify_audit(store, chain, head.map(|head| head.0)).await;
    let Verified { entries, head } = verified.map_err(told)?;
    print::result(format_args!("Entries verified: {entries}"))?;
    print::result(format_args!("Head: {}", Head(head)))
}

fn told(error: VerifyError) -> Failure {
    match error {
        VerifyError::Broken(broken) => Failure::new(
            Exit::Other,
            format!("the audit log was changed outside the service: {broken}"),
        ),
        VerifyError::Store(error) => Failure::other(error),
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
    add("at", Some(at(content.at).into()));
    add("kind", Some(content.kind.as_str().into()));
    add("actor", Some(content.actor.as_str().into()));
    add("network", content.network.as_deref().map(Value::from));
    add("account", content.account.map(|id| id.to_string().into()));
    add("key", content.key.map(|id| id.to_string().into()));
    add("detail", Some(Value::Object(detail.collect())));
    add("hash", Some(hex(entry.mac.as_bytes()).into()));
    Value::Object(fields)
}

fn at(instant: Timestamp) -> String {
    let nanos = i128::from(instant.as_millis()) * 1_000_000;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok();
    let text = time.and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| instant.as_millis().to_string())
}

/// The end of the log as people keep it: the number of the last entry and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head(AuditPosition);

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.0.number, hex(self.0.mac.as_bytes()))
    }
}

impl FromStr for Head {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = || {
            let (number, mac) = text.split_once(':')?;
            let number = AuditNumber(number.parse().ok()?);
            let mac = KeyedHash::from_bytes(unhex(mac)?);
            Some(Self(AuditPosition { number, mac }))
        };
        parsed().ok_or("must be a number, a colon and 64 hexadecimal digits")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty())?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_round_trip() {
        let head = Head(AuditPosition {
            number: AuditNumber(17),
            mac: KeyedHash::from_bytes([0xa5; 32]),
        });
        assert_eq!(head.to_string().parse(), Ok(head));
        let short = "a5".repeat(31);
        for text in [
            "",
            "17",
            "17:",
            "x:a5",
            &format!("17:{short}"),
            &format!("17:{short}zz"),
        ] {
            assert!(text.parse::<Head>().is_err(), "{text}");
        }
    }
}
