//! The command line: one file a subcommand.

mod accounts;
mod client;
mod copy;
mod dev;
mod health;
mod link;
mod migrate;
mod openapi;
mod play;
mod print;
mod profile;
mod providers;
mod qr;
mod rekey;
mod replicas;
mod restored;
mod revoke;
mod serve;
mod table;
mod token;
mod wait;

use clap::{Parser, Subcommand};

use crate::config::Environment;
use crate::exit::{self, Exit, Failure};

/// A token broker for programs that have no browser. A person consents once at /device, the service keeps the grant,
/// and the program asks for a valid access token whenever it needs one.
#[derive(Parser)]
#[command(name = "central-oauth", version, after_help = exit::HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service. Environment variables configure it.
    Serve,
    /// Try the whole flow on this machine: the service on loopback with a generated key, a temporary database and a
    /// built-in sandbox provider.
    Dev(dev::Options),
    /// Ask for a link code, show it, and wait until a person has consented.
    Link(link::Options),
    /// Print a valid access token and nothing else, for scripts.
    Token(token::Options),
    /// Show the health of your account, or of all accounts with the admin key. Never prints a token.
    Accounts(accounts::Options),
    /// Delete your account, or any account with the admin key: revokes its tokens at the provider and deletes its
    /// access keys.
    Revoke(revoke::Options),
    /// List the configured providers, or check that they work.
    Providers(providers::Options),
    /// Mark the database as restored from a backup. Run this before you start the service again: the stored refresh
    /// tokens may be older than those the provider issued last, so the service tries each of them carefully.
    Restored,
    /// List the replicas that share the database.
    Replicas(replicas::Options),
    /// Check the health of the service on this machine. Made for container health checks, where curl is missing.
    Health(health::Options),
    /// Print the OpenAPI document of the service.
    Openapi(openapi::Options),
    /// Re-encrypt the database with SECRET_KEY. Afterwards PREVIOUS_SECRET_KEYS is no longer needed. The service may keep
    /// running, and you can stop and restart this command at any time.
    Rekey,
    /// Copy a database into another one, usually from SQLite to PostgreSQL. Stop the service first. If the copy is
    /// interrupted, run the command again: it continues where it stopped.
    Copy(copy::Options),
    /// Update the database schema, or roll it back. `serve` updates the schema by itself.
    Migrate(migrate::Options),
}

/// Runs a command to its end.
pub(crate) fn run(cli: Cli) -> Result<Exit, Failure> {
    let environment = Environment::new(std::env::vars_os())?;
    let command = async {
        match cli.command {
            Command::Serve => serve::run(&environment).await,
            Command::Dev(options) => dev::run(options, &environment).await,
            Command::Link(options) => link::run(options, &environment).await,
            Command::Token(options) => token::run(options, &environment).await,
            Command::Accounts(options) => accounts::run(options, &environment).await,
            Command::Revoke(options) => revoke::run(options, &environment).await,
            Command::Providers(options) => providers::run(options, &environment).await,
            Command::Health(options) => health::run(options, &environment).await,
            Command::Openapi(options) => openapi::run(&options),
            Command::Replicas(options) => replicas::run(options, &environment).await,
            Command::Restored => restored::run(&environment).await,
            Command::Rekey => rekey::run(&environment).await,
            Command::Copy(options) => copy::run(options, &environment).await,
            Command::Migrate(options) => migrate::run(options, &environment).await,
        }
    };
    tokio::runtime::Runtime::new()
        .map_err(Failure::other)?
        .block_on(Box::pin(command))
}
