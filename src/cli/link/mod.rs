//! `central-oauth link`: requests a link code, shows it, waits for the person, saves the access key.

mod events;
mod invitation;
pub(super) mod return_code;

use std::io::IsTerminal;

use central_oauth_domain::secret::AccessKey;
use reqwest::StatusCode;
use url::Url;

use super::choice::id;
use super::client::{Client, LinkCode, LinkRequest, Poll, Refused};
use super::help::Notes;
use super::keys::time;
use super::label::Label;
use super::print::{tell, warn};
use super::profile::{self, Origin, Pending, Profile, Target};
use super::wait::{wait, wait_by};
use super::workload::Workload;
use super::{Exit, Failure};
use crate::config::{ClientConfig, Environment};

const NOTES: Notes = Notes {
    text: "The address and the code go to standard error. Give them to a person who has the account.",
    examples: &[
        "central-oauth link --server https://auth.example.com",
        "central-oauth link --profile work --provider github --host github.com",
        "central-oauth link --label team=billing --label host=db1",
        "central-oauth link --relink",
        "central-oauth link --relink --account 42",
        "central-oauth link --return-code",
        "central-oauth link --json --no-browser",
        "central-oauth link --workload --server https://auth.example.com",
    ],
    exits: &[
        Exit::NoKey,
        Exit::Denied,
        Exit::Expired,
        Exit::LinkFailed,
        Exit::Unavailable,
    ],
    variables: &[
        "SERVER",
        "ACCESS_KEY",
        "ADMIN_KEY",
        "ENROLL_KEY",
        "ID_TOKEN",
        "NO_COLOR",
        "BROWSER",
    ],
};

/// Options of `link`.
#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    workload: Workload,
    /// The provider, by its name at the service. Required if the service has several and none is the default.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// The name of this program that the person sees on the page [default: "central-oauth on" and the name of this
    /// machine].
    #[arg(long, value_name = "NAME")]
    client_name: Option<String>,
    /// Consent again for the account of the saved access key. The key stays the same.
    #[arg(long)]
    relink: bool,
    /// Ask the person of this account to consent again. Needs the admin key in CENTRAL_OAUTH_ADMIN_KEY.
    #[arg(
        long,
        value_name = "ID",
        value_parser = id,
        requires = "relink",
        conflicts_with_all = ["workload", "profile", "key_file", "provider", "client_name", "labels", "return_code"]
    )]
    account: Option<String>,
    /// What the access key may do. A `reader` reads the token and the account, and does nothing else [default: owner].
    #[arg(long, value_name = "ROLE", conflicts_with = "relink")]
    role: Option<Role>,
    /// When the access key expires, such as 2027-01-31T00:00:00Z [default: never].
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "relink")]
    key_expires_at: Option<String>,
    /// Replace a saved access key that still works.
    #[arg(long, conflicts_with = "relink")]
    force: bool,
    /// Save with the key that `token --format git`, `docker` and `kubectl` may give its tokens to this host. Can be
    /// repeated.
    #[arg(long = "host", value_name = "HOST", conflicts_with = "relink")]
    hosts: Vec<String>,
    /// Give the account this label, by which the operator finds it. Can be repeated.
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<Label>,
    /// Ask for a return code: after the consent, the page shows a code, which you type here to complete the link. Protects
    /// against people who talk you into confirming their link. Used without this option, too, if the service requires it.
    #[arg(long)]
    return_code: bool,
    /// Do not open a web browser.
    #[arg(long)]
    no_browser: bool,
    /// When to draw the address as a QR code.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    qr: When,
    /// Print the link code and then the result on standard output, each as one line of JSON, for CI. A return code is read
    /// from standard input, one line for each `confirming` event.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Role {
    /// Everything that concerns the account.
    Owner,
    /// The token and the account, to read.
    Reader,
}

impl Role {
    const fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Reader => "reader",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum When {
    /// If standard error is a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl When {
    fn is_now(self) -> bool {
        match self {
            Self::Auto => std::io::stderr().is_terminal(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

pub(super) async fn run(
    options: Options,
    config: ClientConfig<'_>,
    environment: &Environment,
) -> Result<Exit, Failure> {
    let linked = if options.workload.is_wanted() {
        link_workload(&options, &config, environment).await
    } else if options.relink {
        relink(&options, &config, environment).await
    } else {
        link(&options, &config, environment).await
    };
    if options.json {
        events::result(&linked)?;
    }
    let linked = linked?;
    if let Some(poll) = &linked.poll {
        tell(linked.describe(poll));
    }
    if let Some(file) = &linked.key_file {
        tell(format_args!("The access key is saved in {file}."));
    }
    if !options.target.names_a_key()
        && options.account.is_none()
        && let Some(variable) = config.access_key_variable()
    {
        warn(format_args!(
            "{variable} is set and takes precedence: unset it or add --profile to use the saved key"
        ));
    }
    Ok(Exit::Done)
}

/// A completed link.
struct Linked {
    /// `None` if an earlier, interrupted link turned out to be complete.
    poll: Option<Poll>,
    /// The name of the provider as people see it.
    provider: String,
    /// Where the key was saved. A relink keeps the key.
    key_file: Option<String>,
}

impl Linked {
    fn describe(&self, poll: &Poll) -> String {
        match &poll.account {
            Some(account) => format!("Linked: {} at {}.", account.display_name, self.provider),
            None => "Linked.".to_owned(),
        }
    }
}

async fn link(
    options: &Options,
    config: &ClientConfig<'_>,
    environment: &Environment,
) -> Result<Linked, Failure> {
    let path = options.target.path()?;
    let kept = match options.target.load() {
        Err(_) if options.force => None,
        kept => kept?,
    };
    let server = options.target.server(config, kept.as_ref())?;
    let pending = Pending::beside(&path);
    let key_file = path.display().to_string();
    if !options.force && adopt(&pending, &server).await? {
        tell("An earlier, interrupted link has been completed.");
        return Ok(Linked {
            poll: None,
            provider: String::new(),
            key_file: Some(key_file),
        });
    }
    if let Some(kept) = kept.filter(|_| !options.force) {
        let holds = format!("{key_file} holds an access key for {}", kept.server);
        refuse_if_it_works(&kept, &holds).await?;
    }
    profile::check_writable(&path)?;
    let client = enrolling(&server, options, config)?;
    let code = ask(&client, options).await?;
    let Some(access_key) = code.access_key.clone().map(AccessKey::new) else {
        let message = "the service returned no access key";
        return Err(Failure::new(Exit::Other, message));
    };
    // The service returns the key only once. Saving it before anybody can consent means an interruption loses no grant.
    let profile = Profile {
        server,
        access_key,
        origin: Origin::File(path),
        hosts: options.hosts.clone(),
    };
    pending.keep(&profile)?;
    let provider = invite(&client, &code, options, environment).await?;
    let linked = wait(&Client::of(&profile)?, &code, options.json).await;
    if let Err(failure) = &linked
        && failure.code() != Exit::Unavailable
    {
        pending.forget();
    }
    let poll = Some(linked?);
    pending.promote()?;
    Ok(Linked {
        poll,
        provider,
        key_file: Some(key_file),
    })
}

/// Returns a client with the enrolment key. Like the admin key, it is sent only to --server or CENTRAL_OAUTH_SERVER.
fn enrolling(
    server: &Url,
    options: &Options,
    config: &ClientConfig<'_>,
) -> Result<Client, Failure> {
    let client = Client::new(server.clone())?;
    if options.target.is_of_environment(server, config)? {
        return Ok(match config.enroll_key()? {
            Some(named) => client.with(named.key, Origin::Variable(named.variable)),
            None => client,
        });
    }
    if let Some(variable) = config.enroll_key_variable() {
        warn(format_args!(
            "{variable} is not sent to {server}, the service of a saved key: add --server {server} to send it"
        ));
    }
    Ok(client)
}

/// Saves the key of a link that was interrupted on this side but completed by the person.
async fn adopt(pending: &Pending, server: &Url) -> Result<bool, Failure> {
    let Some(profile) = pending.load().filter(|kept| kept.server == *server) else {
        return Ok(false);
    };
    if Client::of(&profile)?.token(0).await.is_err() {
        return Ok(false);
    }
    pending.promote()?;
    Ok(true)
}

/// Links an account to the workload that this runs in. No key is saved: later jobs show tokens of their own.
async fn link_workload(
    options: &Options,
    config: &ClientConfig<'_>,
    environment: &Environment,
) -> Result<Linked, Failure> {
    let mut identity = options.workload.identity(&options.target, config)?;
    let client = identity.client().await?;
    let code = ask(&client, options).await?;
    let provider = invite(&client, &code, options, environment).await?;
    let poll = wait_by(&code, options.json, async || {
        let client = identity.client().await;
        client.map_err(|failure| Refused::Unreachable(failure.to_string()))
    });
    Ok(Linked {
        poll: Some(poll.await?),
        provider,
        key_file: None,
    })
}

async fn relink(
    options: &Options,
    config: &ClientConfig<'_>,
    environment: &Environment,
) -> Result<Linked, Failure> {
    let (client, code) = match &options.account {
        Some(account) => {
            let client = Client::of(&operator(options, config)?)?;
            let code = client.relink_account(account).await?;
            (client, code)
        }
        None => {
            let client = Client::of(&options.target.profile(config)?)?;
            let code = ask(&client, options).await?;
            (client, code)
        }
    };
    let provider = invite(&client, &code, options, environment).await?;
    let poll = Some(wait(&client, &code, options.json).await?);
    Ok(Linked {
        poll,
        provider,
        key_file: None,
    })
}

/// Returns the admin key and the service to send it to.
fn operator(options: &Options, config: &ClientConfig<'_>) -> Result<Profile, Failure> {
    let operator = options.target.operator(config)?;
    operator.ok_or_else(|| {
        let message = "--account needs the admin key: set CENTRAL_OAUTH_ADMIN_KEY";
        Failure::new(Exit::Usage, message)
    })
}

/// Shows the code to the person. Returns the name of the provider as people see it.
async fn invite(
    client: &Client,
    code: &LinkCode,
    options: &Options,
    environment: &Environment,
) -> Result<String, Failure> {
    let provider = invitation::provider(client, code).await;
    if options.json {
        events::code(code, &provider)?;
    }
    invitation::show(code, &provider, options, environment);
    Ok(provider)
}

/// Prevents the accidental loss of a key that still works, or may still work.
async fn refuse_if_it_works(kept: &Profile, holds: &str) -> Result<(), Failure> {
    const CHOICE: &str = "use --profile to save another key beside it, or --force to replace it";
    let message = match Client::of(kept)?.token(0).await {
        Err(refused) if refused.is(StatusCode::UNAUTHORIZED) => return Ok(()),
        Err(Refused::Unreachable(why)) => {
            format!("{holds}, which may still work, but {why}: {CHOICE}")
        }
        _ => {
            format!("{holds} already: use --relink to consent again for the same account, {CHOICE}")
        }
    };
    Err(Failure::new(Exit::Other, message))
}

async fn ask(client: &Client, options: &Options) -> Result<LinkCode, Failure> {
    // The page shows what the platform has verified of a workload, not a name that the machine gives itself.
    let machine = match options.workload.is_wanted() {
        true => None,
        false => machine_name(),
    };
    let request = |return_code| LinkRequest {
        provider: options.provider.as_deref(),
        client_name: options.client_name.as_deref().or(machine.as_deref()),
        labels: options.labels.iter().map(Label::parts).collect(),
        role: options.role.map(Role::word),
        key_expires_at: options.key_expires_at.as_deref(),
        return_code,
    };
    if options.return_code {
        return_code::can_be_typed(options.json)?;
    }
    match client.start_link(&request(options.return_code)).await {
        Err(refused) if refused.has_code("return_code_required") => {
            return_code::can_be_typed(options.json)?;
            Ok(client.start_link(&request(true)).await?)
        }
        asked => Ok(asked?),
    }
}

fn machine_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(format!("central-oauth on {}", name.trim()))
}
