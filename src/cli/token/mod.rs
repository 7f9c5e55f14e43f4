//! `central-oauth token`: prints a valid access token, as plain text or in the format of another program.

mod docker;
mod git;
mod hosts;
mod kubectl;

use std::io::{ErrorKind, Read};

use serde_json::Value;
use url::Url;

use super::client::{Client, Token};
use super::help::{GRANT, Notes};
use super::print::{self, json, result};
use super::profile::{Profile, Target};
use super::workload::Workload;
use super::{Exit, Failure};
use crate::config::{ClientConfig, Environment};
use hosts::Hosts;
pub(super) use hosts::host;

const NOTES: Notes = Notes::of(&[
    "central-oauth token --min-ttl 300",
    "central-oauth token --json",
    "central-oauth token --workload --server https://auth.example.com",
    "git config --global --replace-all credential.https://github.com.helper ''",
    "git config --global --add credential.https://github.com.helper \\\n      '!central-oauth token --format git --host github.com'",
])
.text(
    "\
Credential helpers give the token only to the hosts in --host, or else to the hosts that `link --host` has saved. The
URL must use https, or http on this machine. docs/RECIPES.md shows the configuration of git, Docker and kubectl.",
)
.exits(GRANT)
.variables(&["SERVER", "ACCESS_KEY", "ID_TOKEN", "KUBERNETES_EXEC_INFO"]);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    workload: Workload,
    /// Ask for a token that is valid for at least this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = seconds, allow_negative_numbers = true)]
    min_ttl: u64,
    /// What to print.
    #[arg(long, value_name = "FORMAT", default_value = "plain", conflicts_with_all = ["json", "header"])]
    format: Format,
    /// Print the complete response of the service as JSON. Short for --format json.
    #[arg(long, conflicts_with = "header")]
    json: bool,
    /// Print the line "Authorization: Bearer TOKEN". Short for --format header.
    #[arg(long)]
    header: bool,
    /// Give the token only to this host, such as git.example.com or git.example.com:8443. Can be repeated. Required by
    /// --format git, docker and kubectl, unless `link --host` saved hosts with the key.
    #[arg(long = "host", value_name = "HOST", value_parser = host)]
    hosts: Vec<String>,
    /// The user name that --format git and --format docker print with the token.
    #[arg(long, value_name = "NAME", default_value = "oauth2")]
    username: String,
    /// The request: get, store or erase. Git and Docker add it. Only `get` prints something.
    #[arg(value_name = "REQUEST")]
    request: Option<String>,
}

/// Parses a number of seconds that the service accepts.
pub(super) fn seconds(text: &str) -> Result<u64, &'static str> {
    const MOST: u64 = 2_147_483_647;
    let seconds = text.parse().ok().filter(|seconds| *seconds <= MOST);
    seconds.ok_or("is not a number of seconds from 0 to 2147483647")
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The token and nothing else.
    Plain,
    /// The complete response of the service.
    Json,
    /// A header line for HTTP clients.
    Header,
    /// The response of a git credential helper.
    Git,
    /// The response of a Docker credential helper.
    Docker,
    /// The response of a kubectl credential plugin.
    Kubectl,
}

pub(super) async fn run(
    options: Options,
    config: ClientConfig<'_>,
    environment: &Environment,
) -> Result<Exit, Failure> {
    let request = options.request.as_deref();
    match (options.format(), request) {
        (Format::Git, Some(request)) => git::answer(request, &options, &config).await,
        (Format::Docker, Some(request)) => docker::answer(request, &options, &config).await,
        (Format::Git | Format::Docker, None) => Err(usage("git and Docker add a request: get")),
        (_, Some(_)) => Err(usage(
            "only --format git and --format docker take a request",
        )),
        (Format::Kubectl, None) => kubectl::answer(&options, &config, environment).await,
        (format, None) => print(format, &options, &config).await,
    }
}

async fn print(
    format: Format,
    options: &Options,
    config: &ClientConfig<'_>,
) -> Result<Exit, Failure> {
    let profile = options.workload.profile(&options.target, config).await?;
    let (token, complete) = fetch(&profile, options.min_ttl).await?;
    match format {
        Format::Json => json(&complete)?,
        Format::Header => result(format_args!("Authorization: Bearer {}", token.access_token))?,
        _ => result(token.access_token)?,
    }
    Ok(Exit::Done)
}

/// Requests a token. Returns the token and the complete response. Prints the warning in the response, if there is one.
pub(super) async fn fetch(profile: &Profile, min_ttl: u64) -> Result<(Token, Value), Failure> {
    let (token, complete) = Client::of(profile)?.token(min_ttl).await?;
    // RFC 6749, appendix A.12. A line feed would let the token add headers or attributes of its own.
    if !token.access_token.bytes().all(|b| matches!(b, b' '..=b'~')) {
        let message = "the service returned a token that is not visible ASCII";
        return Err(Failure::new(Exit::Other, message));
    }
    if let Some(warning) = &token.warning {
        print::warn(format_args!("{} ({})", warning.detail, warning.code));
    }
    Ok((token, complete))
}

impl Options {
    const fn format(&self) -> Format {
        match (self.json, self.header) {
            (true, _) => Format::Json,
            (_, true) => Format::Header,
            _ => self.format,
        }
    }

    /// Requests a token for this server. Returns `None` if the server may not get one.
    async fn credential(
        &self,
        server: Option<Url>,
        config: &ClientConfig<'_>,
    ) -> Result<Option<Token>, Failure> {
        let Some(server) = server else {
            return Ok(None);
        };
        // For a host that is not listed, the helper prints nothing, even if there is no key.
        if !self.hosts.is_empty() && !Hosts(&self.hosts).include(&server) {
            return Ok(None);
        }
        let profile = self.workload.profile(&self.target, config).await?;
        let hosts = self.hosts(&profile);
        if hosts.0.is_empty() {
            print::warn("no host may get this token: add --host with the host of the server");
        }
        if !hosts.include(&server) {
            return Ok(None);
        }
        let (token, _) = fetch(&profile, self.min_ttl).await?;
        Ok(Some(token))
    }

    /// Returns the hosts that may get a token of this key: those on the command line, else those saved with the key.
    fn hosts<'a>(&'a self, profile: &'a Profile) -> Hosts<'a> {
        match self.hosts.as_slice() {
            [] => Hosts(&profile.hosts),
            named => Hosts(named),
        }
    }
}

/// Reads what git or Docker writes to standard input.
fn input() -> Result<Vec<u8>, Failure> {
    const LONGEST: u64 = 64 * 1024;
    let mut bytes = Vec::new();
    let read = std::io::stdin().take(LONGEST).read_to_end(&mut bytes);
    match read {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(bytes),
    }
}

/// Decodes the part of the input that names the server. Other parts may be in any encoding.
fn server_name(bytes: &[u8]) -> Result<&str, Failure> {
    str::from_utf8(bytes).map_err(|_| usage("the server that standard input names is not UTF-8"))
}

fn usage(problem: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("{problem}; see `central-oauth token --help`"),
    )
}
