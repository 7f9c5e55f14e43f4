//! The command line: one file per subcommand.

mod accounts;
mod audit;
mod browser;
mod choice;
mod client;
mod completions;
mod config;
mod confirm;
mod copy;
mod dev;
mod exec;
mod health;
mod help;
mod in_use;
mod keys;
mod label;
mod link;
mod logout;
mod man;
mod migrate;
mod openapi;
mod play;
mod print;
mod profile;
mod providers;
mod qr;
mod refresh;
mod rekey;
mod replicas;
mod restored;
mod revocations;
mod revoke;
mod serve;
mod table;
mod token;
mod wait;
mod when;
mod workload;
mod wrap_key;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{ClientConfig, Environment};
use crate::exit::{Exit, Failure};
use help::Notes;

const NOTES: Notes = Notes::of(&[
    "central-oauth dev --auto",
    "central-oauth link --server https://auth.example.com",
    "central-oauth exec -- sh -c 'echo \"$ACCESS_TOKEN\"'",
])
.exits(Exit::ALL)
.variables(&["SERVER", "ACCESS_KEY", "ADMIN_KEY", "ENROLL_KEY"]);

/// A token broker for programs that have no browser. A person consents once at /device, the service keeps the grant
/// alive, and the program asks for a valid access token whenever it needs one.
#[derive(Parser)]
#[command(name = "central-oauth", version, after_long_help = NOTES.render())]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print only results and errors: no progress, no hints, no warnings.
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service. Environment variables configure it.
    #[command(after_long_help = serve::NOTES.render())]
    Serve,
    /// Try the whole flow on this machine. Runs the service on loopback with a generated key, a temporary database and a
    /// sandbox provider.
    Dev(dev::Options),
    /// Link an account: show a link code, wait until a person has consented, and save the access key.
    Link(link::Options),
    /// Run a command with a valid access token in its environment. Does not run it if there is no valid token.
    Exec(exec::Options),
    /// Print a valid access token, for scripts. Also works as a credential helper of git, Docker and kubectl.
    Token(token::Options),
    /// Remove a saved access key from this machine. The account stays linked at the service.
    Logout(logout::Options),
    /// Show the health of your account, or of all accounts with the admin key. Never prints a token.
    Accounts(accounts::Options),
    /// Refresh the tokens of an account now. Also retries an account that requires a relink.
    Refresh(refresh::Options),
    /// Delete an account, delete its access keys, and revoke its tokens at the provider.
    Revoke(revoke::Options),
    /// List, create or delete the access keys of an account.
    #[command(subcommand, after_long_help = keys::NOTES.render())]
    Keys(keys::Action),
    /// List revocations: tokens that the service revokes or has revoked at their provider. Needs the admin key.
    Revocations(revocations::Options),
    /// Check the configuration of the service, and show it without secrets.
    #[command(subcommand, after_long_help = config::NOTES.render())]
    Config(config::Question),
    /// List the configured providers, or check that they work.
    #[command(subcommand, after_long_help = providers::NOTES.render())]
    Providers(providers::Question),
    /// Mark the database as restored from a backup. Run this before you start the service again.
    ///
    /// Refresh tokens in a backup may be older than the tokens that the provider issued last. After this command, each
    /// account shows a warning until its next successful refresh: its refresh token may be outdated. Stop all services
    /// first.
    #[command(after_long_help = restored::NOTES.render())]
    Restored,
    /// Export the audit log, or check that nobody has changed it.
    #[command(subcommand, after_long_help = audit::NOTES.render())]
    Audit(audit::Action),
    /// List the replicas that share the database.
    Replicas(replicas::Options),
    /// Check the health of the service on this machine, for containers without curl.
    Health(health::Options),
    /// Print the OpenAPI document of the service.
    Openapi(openapi::Options),
    /// Re-encrypt the database with CENTRAL_OAUTH_SECRET_KEY.
    ///
    /// The service may keep running, and you can stop and restart this command at any time. Afterwards you no longer need
    /// CENTRAL_OAUTH_PREVIOUS_SECRET_KEYS.
    #[command(after_long_help = rekey::NOTES.render())]
    Rekey,
    /// Encrypt the secret key with the key management service in CENTRAL_OAUTH_KMS, and print the result.
    ///
    /// Encrypts the key in CENTRAL_OAUTH_SECRET_KEY, or a new key if that is not set. Set CENTRAL_OAUTH_SECRET_KEY of
    /// the service to the result, so that its configuration contains no key in plain text.
    #[command(after_long_help = wrap_key::NOTES.render())]
    WrapKey,
    /// Copy a database into another one, usually from SQLite to PostgreSQL. Stop the service first.
    ///
    /// If the copy is interrupted, run the command again. It continues where it stopped.
    Copy(copy::Options),
    /// Update the database schema, or roll it back. The service updates the schema when it starts.
    Migrate(migrate::Options),
    /// Print a completion script for your shell.
    Completions(completions::Options),
    /// Print the man page, or write the man pages of all commands into a folder.
    Man(man::Options),
}

/// Returns the command line with its help texts.
fn command_line() -> clap::Command {
    Cli::command()
}

/// Parses the command line. Exits if it is wrong or asks for help.
pub(crate) fn parse() -> Cli {
    let parsed = Cli::from_arg_matches(&command_line().get_matches());
    parsed.unwrap_or_else(|error| error.exit())
}

/// Reads the variables of the client commands. Warns about unknown ones.
fn client(environment: &Environment) -> Result<ClientConfig<'_>, Failure> {
    for warning in environment.warnings() {
        print::warn(warning);
    }
    Ok(ClientConfig::read(environment)?)
}

/// Runs a command to its end.
pub(crate) fn run(cli: Cli) -> Result<Exit, Failure> {
    if cli.quiet {
        print::be_quiet();
    }
    let environment = Environment::new(std::env::vars_os())?;
    let stops_itself = matches!(cli.command, Command::Serve | Command::Dev(_));
    let command = Box::pin(dispatch(cli.command, &environment));
    let runtime = tokio::runtime::Runtime::new()?;
    let exit = runtime.block_on(async {
        if std::process::id() == 1 && !stops_itself {
            end_at_signals()?;
        }
        command.await
    });
    // Dropping the runtime would wait for name lookups, which may take half a minute without a name server.
    runtime.shutdown_background();
    exit
}

/// Exits at SIGINT (Ctrl-C), SIGQUIT and SIGTERM. The kernel does this by default, except for the first process of a
/// container.
fn end_at_signals() -> std::io::Result<()> {
    for (kind, exit_code) in [
        (SignalKind::interrupt(), 130),
        (SignalKind::quit(), 131),
        (SignalKind::terminate(), 143),
    ] {
        let mut signals = signal(kind)?;
        tokio::spawn(async move {
            signals.recv().await;
            std::process::exit(exit_code);
        });
    }
    Ok(())
}

async fn dispatch(command: Command, environment: &Environment) -> Result<Exit, Failure> {
    match command {
        Command::Serve => Box::pin(serve::run(environment)).await,
        Command::Dev(options) => dev::run(options, environment).await,
        Command::Link(options) => link::run(options, client(environment)?, environment).await,
        Command::Exec(options) => exec::run(options, client(environment)?).await,
        Command::Token(options) => token::run(options, client(environment)?, environment).await,
        Command::Logout(options) => logout::run(&options, &client(environment)?),
        Command::Accounts(options) => accounts::run(options, client(environment)?).await,
        Command::Refresh(options) => refresh::run(options, client(environment)?).await,
        Command::Revoke(options) => revoke::run(options, client(environment)?).await,
        Command::Keys(action) => keys::run(action, client(environment)?).await,
        Command::Revocations(options) => revocations::run(options, client(environment)?).await,
        Command::Config(question) => config::run(question, environment).await,
        Command::Providers(question) => providers::run(question, environment).await,
        Command::Health(options) => health::run(options, environment).await,
        Command::Openapi(options) => openapi::run(&options),
        Command::Replicas(options) => replicas::run(options, environment).await,
        Command::Audit(action) => audit::run(action, environment).await,
        Command::Restored => restored::run(environment).await,
        Command::Rekey => rekey::run(environment).await,
        Command::WrapKey => wrap_key::run(environment).await,
        Command::Copy(options) => copy::run(options, environment).await,
        Command::Migrate(options) => migrate::run(options, environment).await,
        Command::Completions(options) => completions::run(&options),
        Command::Man(options) => man::run(&options),
    }
}
