//! `central-oauth keys`: lists, creates and deletes the access keys of an account.

use serde::Deserialize as _;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::choice::{self, Choice, name};
use super::client::{Client, KeyDetails, Listed, NewKey};
use super::confirm::Confirmation;
use super::print::{json, result, tell};
use super::table::lay_out;
use super::when::{ago, expiry};
use super::{Exit, Failure};
use crate::config::ClientConfig;

/// Options of `keys`.
#[derive(clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List the access keys of an account, without their secrets.
    List(List),
    /// Create an access key that may only read the token and the account, and print it. The service shows it only once.
    Create(Create),
    /// Delete an access key. Programs that use it stop working; the account and its other keys stay.
    Delete(Delete),
}

#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    choice: Choice,
    /// Print the complete response of the service as one JSON array, for scripts.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Create {
    #[command(flatten)]
    choice: Choice,
    /// What the key is for, such as the name of the program that gets it.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// When the key expires, such as 2027-01-31T00:00:00Z [default: never].
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires_at: Option<String>,
    /// Print the complete response of the service as JSON, for scripts.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Delete {
    #[command(flatten)]
    choice: Choice,
    /// The id of the key, as `keys list` shows it.
    #[arg(value_name = "KEY_ID", value_parser = choice::id)]
    key: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(super) async fn run(options: Options, config: ClientConfig) -> Result<Exit, Failure> {
    match options.action {
        Action::List(list) => list.run(&config).await?,
        Action::Create(create) => create.run(&config).await?,
        Action::Delete(delete) => delete.run(&config).await?,
    }
    Ok(Exit::Done)
}

impl List {
    async fn run(self, config: &ClientConfig) -> Result<(), Failure> {
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
    const HEAD: [&str; 6] = ["ID", "NAME", "ROLE", "CREATED", "EXPIRES", "LAST USED"];
    let mut rows = vec![HEAD.map(str::to_owned)];
    for key in &keys.items {
        let key = KeyDetails::deserialize(key).map_err(Failure::other)?;
        rows.push([
            key.id,
            key.name.unwrap_or_else(|| "-".to_owned()),
            key.role,
            ago(key.created_at, keys.now),
            expiry(key.expires_at, keys.now),
            ago(key.last_used_at, keys.now),
        ]);
    }
    result(lay_out(&rows))
}

impl Create {
    async fn run(self, config: &ClientConfig) -> Result<(), Failure> {
        let client = Client::of(&self.choice.caller(config)?)?;
        let account = self.choice.find(&client).await?;
        let wanted = NewKey {
            name: &self.name,
            expires_at: self.expires_at.as_deref(),
        };
        let created = client.create_key(&account.id, &wanted).await?;
        if self.json {
            return json(&created);
        }
        let text = |member: &str| created[member].as_str().map(str::to_owned);
        let Some(key) = text("access_key") else {
            let message = "the service returned no access key";
            return Err(Failure::new(Exit::Other, message));
        };
        result(key)?;
        let (id, of) = (id_of(&created), name(&account));
        tell(format_args!(
            "Created key {id} for {of}. Save it now: the service does not show it again."
        ));
        Ok(())
    }
}

fn id_of(key: &Value) -> String {
    super::print::printable(key["id"].as_str().unwrap_or_default())
}

impl Delete {
    async fn run(self, config: &ClientConfig) -> Result<(), Failure> {
        self.confirmation.can_be_given()?;
        let client = Client::of(&self.choice.caller(config)?)?;
        let account = self.choice.find(&client).await?;
        let (key, of) = (&self.key, name(&account));
        let question = format!("Delete key {key} of {of}? Programs that use it stop working.");
        self.confirmation.ask(&question, "nothing was deleted")?;
        client.delete_key(&account.id, key).await?;
        tell(format_args!("Deleted key {key} of {of}."));
        Ok(())
    }
}

fn time(text: &str) -> Result<String, &'static str> {
    match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("is not a time such as 2027-01-31T00:00:00Z"),
    }
}
