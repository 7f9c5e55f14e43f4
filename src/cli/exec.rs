//! `central-oauth exec`: runs a command with an access token in its environment.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::help::Notes;
use super::profile::Target;
use super::token::{fetch, seconds};
use super::workload::Workload;
use super::{Exit, Failure};
use crate::config::{ClientConfig, Environment, SECRETS};

const NOTES: Notes = Notes::of(&[
    "central-oauth exec -- ./backup.sh",
    "central-oauth exec --env GITHUB_TOKEN --min-ttl 600 -- gh repo list",
    "central-oauth exec --workload --server https://auth.example.com -- ./backup.sh",
])
.text(
    "\
The command replaces this process: the command receives the signals, and its exit code is the exit code of `exec`.
Without a valid token, the command does not run. `exec` requests the token once; a command that runs longer than its
token should call `central-oauth token`. `exec` removes keys of Central OAuth from the environment of the command.",
)
.exits(&[
    Exit::NoKey,
    Exit::RelinkRequired,
    Exit::Unavailable,
    Exit::CannotExecute,
    Exit::CommandNotFound,
])
.variables(&["SERVER", "ACCESS_KEY", "ID_TOKEN"]);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    workload: Workload,
    /// The variable that holds the token in the environment of the command.
    #[arg(long, value_name = "NAME", default_value = "ACCESS_TOKEN", value_parser = variable)]
    env: String,
    /// Ask for a token that is valid for at least this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = seconds, allow_negative_numbers = true)]
    min_ttl: u64,
    /// The command to run, and its arguments.
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Replaces this process with the command, so that signals and the exit code need no forwarding. Returns only on
/// failure.
pub(super) async fn run(options: Options, config: ClientConfig<'_>) -> Result<Exit, Failure> {
    let profile = options.workload.profile(&options.target, &config).await?;
    let (token, _) = fetch(&profile, options.min_ttl).await?;
    let Some((program, arguments)) = options.command.split_first() else {
        return Err(Failure::new(Exit::Usage, "no command is given"));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    for secret in SECRETS {
        let name = format!("{}{secret}", Environment::PREFIX);
        command.env_remove(format!("{name}_FILE"));
        command.env_remove(name);
    }
    // With these variables, the command could request JWTs of this job.
    if options.workload.is_wanted() {
        command.env_remove("ACTIONS_ID_TOKEN_REQUEST_URL");
        command.env_remove("ACTIONS_ID_TOKEN_REQUEST_TOKEN");
    }
    command.env(&options.env, &token.access_token);
    let error = command.exec();
    let exit = match error.kind() {
        ErrorKind::NotFound => Exit::CommandNotFound,
        _ => Exit::CannotExecute,
    };
    let message = format!("{} cannot be run: {error}", program.to_string_lossy());
    Err(Failure::new(exit, message))
}

fn variable(name: &str) -> Result<String, &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !name.chars().all(plain) {
        return Err("is not the name of a variable: use letters, digits and underscores");
    }
    // The dynamic linker prints values that it cannot load, so it would print the token.
    if name == "PATH" || name.starts_with("LD_") || name.starts_with("DYLD_") {
        return Err("decides which programs and libraries run: choose another name");
    }
    Ok(name.to_owned())
}
