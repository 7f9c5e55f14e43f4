//! `central-oauth keys`: lists, creates and deletes the access keys of an account.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::choice::{self, Choice, name};
use super::client::{Client, KeyDetails, Listed, NewKey};
use super::confirm::Confirmation;
use super::help::{ASKING, KEY, Notes, OPERATOR, WHOSE};
use super::print::{json, result, tell};
use super::table::lay_out;
use super::when::{ago, expiry};
use super::{Exit, Failure};
use crate::config::ClientConfig;

pub(super) const NOTES: Notes = Notes::of(&[
    "central-oauth keys list",
    "central-oauth keys create --name nightly-build",
    "central-oauth keys delete 7",
])
.text(WHOSE)
.exits(ASKING)
.variables(OPERATOR);

const LIST_NOTES: Notes = Notes::of(&[
    "central-oauth keys list",
    "central-oauth keys list --account 42 --json",
])
.text(WHOSE)
.exits(KEY)
.variables(OPERATOR);

const CREATE_NOTES: Notes = Notes::of(&[
    "central-oauth keys create --name nightly-build",
    "central-oauth keys create --name trial --expires-at 2027-01-31T00:00:00Z",
    "central-oauth keys create --name build --network 192.0.2.0/24 --max-uses-per-minute 60",
])
.text(WHOSE)
.exits(KEY)
.variables(OPERATOR);

const DELETE_NOTES: Notes = Notes::of(&[
    "central-oauth keys delete 7",
    "central-oauth keys delete 7 --descendants",
    "central-oauth keys delete 7 --account 42 --yes",
])
.text(WHOSE)
.exits(ASKING)
.variables(OPERATOR);

#[derive(clap::Subcommand)]
pub(super) enum Action {
    /// List the access keys of an account, without their secrets.
    #[command(after_long_help = LIST_NOTES.render())]
    List(List),
    /// Create an access key that may only read the token and the account, and print it. The service shows it only once.
    #[command(after_long_help = CREATE_NOTES.render())]
    Create(Create),
    /// Delete an access key. Programs that use it stop working; the account and its other keys stay.
    #[command(after_long_help = DELETE_NOTES.render())]
    Delete(Delete),
}

#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    choice: Choice,
    /// Print the complete response of the service as one JSON array, for scripts.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct Create {
    #[command(flatten)]
    choice: Choice,
    /// What the key is for, such as the name of the program that gets it.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// When the key expires, such as 2027-01-31T00:00:00Z [default: never].
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires_at: Option<String>,
    /// A network that the key may be used from, such as 192.0.2.0/24. Can be repeated [default: any].
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<String>,
    /// How often the key may be used in a minute [default: no limit].
    #[arg(long, value_name = "NUMBER")]
    max_uses_per_minute: Option<u32>,
    /// Print the complete response of the service as JSON, for scripts.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct Delete {
    #[command(flatten)]
    choice: Choice,
    /// The id of the key, as `keys list` shows it.
    #[arg(value_name = "KEY_ID", value_parser = choice::id)]
    key: String,
    /// Also delete the keys that this key has created. Use this if the key has leaked. Without this option, the command
    /// asks; with --yes, it keeps them. If a program has linked with the key in the last 24 hours, the service deletes
    /// them in any case.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    descendants: Option<bool>,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(super) async fn run(action: Action, config: ClientConfig<'_>) -> Result<Exit, Failure> {
    match action {
        Action::List(list) => list.run(&config).await?,
        Action::Create(create) => create.run(&config).await?,
        Action::Delete(delete) => delete.run(&config).await?,
    }
    Ok(Exit::Done)
}

impl List {
    async fn run(self, config: &ClientConfig<'_>) -> Result<(), Failure> {
        let client = Client::of(&self.choice.caller(config)?)?;
        let account = self.choice.find(&client).await?;
        let path = format!("/v1/accounts/{}/keys", account.id);
        let keys = client.list(&path, &[]).await?;
        if self.json {
            json(&keys.items)
        } else {
            show(&keys)
        }
    }
}

fn show(keys: &Listed) -> Result<(), Failure> {
    const HEAD: [&str; 7] = [
        "ID",
        "NAME",
        "ROLE",
        "MADE BY",
        "CREATED",
        "EXPIRES",
        "LAST USED",
    ];
    let nothing = || "-".to_owned();
    let row = |key: KeyDetails| {
        [
            key.id.to_string(),
            key.name.map_or_else(nothing, |name| name.to_string()),
            key.role.to_string(),
            key.created_by
                .map_or_else(nothing, |maker| maker.to_string()),
            ago(key.created_at, keys.now),
            expiry(key.expires_at, keys.now),
            ago(key.last_used_at, keys.now),
        ]
    };
    let rows = keys.read()?.into_iter().map(row);
    result(lay_out(HEAD, rows))
}

impl Create {
    async fn run(self, config: &ClientConfig<'_>) -> Result<(), Failure> {
        let client = Client::of(&self.choice.caller(config)?)?;
        let account = self.choice.find(&client).await?;
        let wanted = NewKey {
            name: &self.name,
            expires_at: self.expires_at.as_deref(),
            networks: &self.networks,
            max_uses_per_minute: self.max_uses_per_minute,
        };
        let created = client.create_key(&account.id, &wanted).await?;
        let (id, of, again) = (id_of(&created), name(&account), self.choice.again());
        self.show(&created).map_err(|failure| {
            let lost = format!(
                "{failure}; key {id} of {of} is lost: delete it with `central-oauth keys delete {id}{again}`"
            );
            Failure::new(failure.code, lost)
        })?;
        if self.json {
            return Ok(());
        }
        tell(format_args!(
            "Created key {id} for {of}. Save it now: the service does not show it again."
        ));
        Ok(())
    }

    fn show(&self, created: &Value) -> Result<(), Failure> {
        if self.json {
            return json(created);
        }
        match created["access_key"].as_str() {
            Some(key) => result(key),
            None => {
                let message = "the service returned no access key";
                Err(Failure::new(Exit::Other, message))
            }
        }
    }
}

fn id_of(key: &Value) -> String {
    super::print::printable(key["id"].as_str().unwrap_or_default())
}

impl Delete {
    async fn run(self, config: &ClientConfig<'_>) -> Result<(), Failure> {
        self.confirmation.require_possible()?;
        let client = Client::of(&self.choice.caller(config)?)?;
        let account = self.choice.find(&client).await?;
        let (key, of) = (&self.key, name(&account));
        let question = format!("Delete key {key} of {of}? Programs that use it stop working.");
        self.confirmation.ask(&question, "nothing was deleted")?;
        let made = match self.descendants {
            Some(_) => Vec::new(),
            None => made_by(&client, &account.id, key).await?,
        };
        let all = made.join(", ");
        let descendants = match self.descendants {
            Some(descendants) => descendants,
            None if made.is_empty() => false,
            None => {
                let question = format!("Also delete the keys that it has made ({all})?");
                self.confirmation.ask_yes_by_default(&question)?
            }
        };
        client.delete_key(&account.id, key, descendants).await?;
        tell(format_args!("Deleted key {key} of {of}."));
        if !made.is_empty() && !descendants {
            tell(format_args!(
                "The keys that it has made still work unless a program has linked with it in the last 24 hours: {all}. If it has leaked, delete them too."
            ));
        }
        Ok(())
    }
}

/// Returns the ids of the keys that a key has created.
async fn made_by(client: &Client, account: &str, key: &str) -> Result<Vec<String>, Failure> {
    let path = format!("/v1/accounts/{account}/keys");
    let keys: Vec<KeyDetails> = client.list(&path, &[]).await?.read()?;
    let is_made = |other: &&KeyDetails| {
        other
            .created_by
            .as_ref()
            .is_some_and(|maker| **maker == key)
    };
    let made = keys.iter().filter(is_made);
    Ok(made.map(|made| made.id.to_string()).collect())
}

/// Checks a time on the command line.
pub(super) fn time(text: &str) -> Result<String, &'static str> {
    match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("is not a time such as 2027-01-31T00:00:00Z"),
    }
}
