//! The command line: one file a subcommand.

mod accounts;
mod client;
pub(crate) mod copy;
mod dev;
mod exit;
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
pub(crate) use exit::{Exit, Failure};

/// A token broker for programs that have no browser: a person consents once at /device, the service keeps the grant,
/// and the program asks for a valid access token whenever it needs one.
#[derive(Parser)]
#[command(name = "central-oauth", version, after_help = exit::HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service, configured by the environment.
    Serve,
    /// Try everything here and now: the service on loopback with a made-up key, a temporary database and a sandbox
    /// provider.
    Dev(dev::Options),
    /// Ask for a link code, show it, and wait until a person has consented.
    Link(link::Options),
    /// Print a valid access token and nothing else, for scripts.
    Token(token::Options),
    /// Show how the account of the kept key is, or to the operator all accounts: their health, never a token.
    Accounts(accounts::Options),
    /// Delete the account of the kept key, or to the operator any account: its tokens, here and at the provider, and
    /// its keys.
    Revoke(revoke::Options),
    /// Look at the configured providers: list them, or check whether they work and what to do where they do not.
    Providers(providers::Options),
    /// Say that the database was restored from a backup: refresh tokens may be older than the provider's, and are tried
    /// gently. To be run before the service is started again.
    Restored,
    /// List the processes that share the database, and which of them does the housekeeping for all.
    Replicas(replicas::Options),
    /// Ask the service on this machine whether it is well: for containers, which have no curl.
    Health(health::Options),
    /// Print the OpenAPI document of the service.
    Openapi(openapi::Options),
    /// Seal everything in the database with the present key, so that PREVIOUS_SECRET_KEYS can go. The service may run
    /// meanwhile, and this may be stopped and started again at any time.
    Rekey,
    /// Copy everything from one database into another, from SQLite to PostgreSQL above all, while no service runs. It may
    /// be stopped at any time: run it again and it goes on.
    Copy(copy::Options),
    /// Bring the database schema up to date, or take it down; `serve` brings it up to date by itself.
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
