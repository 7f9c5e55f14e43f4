//! `central-oauth link`: requests a link code, shows it, waits for the person, saves the access key.

mod events;
mod invitation;

use std::io::IsTerminal;

use central_oauth_domain::secret::AccessKey;
use reqwest::StatusCode;
use url::Url;

use super::client::{Client, LinkCode, LinkRequest, Poll, Refused};
use super::label::Label;
use super::print::{tell, warn};
use super::profile::{self, Origin, Pending, Profile, Target};
use super::wait::wait;
use super::{Exit, Failure};
use crate::config::{ClientConfig, Environment};

/// Options of `link`.
#[derive(clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
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
    /// Replace a saved access key that still works.
    #[arg(long, conflicts_with = "relink")]
    force: bool,
    /// Save with the key that `token --format git` and `token --format docker` may give its tokens to this host. Can be
    /// repeated.
    #[arg(long = "host", value_name = "HOST", conflicts_with = "relink")]
    hosts: Vec<String>,
    /// Give the account this label, by which the operator finds it. Can be repeated.
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<Label>,
    /// Do not open a web browser.
    #[arg(long)]
    no_browser: bool,
    /// When to draw the address as a QR code.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    qr: When,
    /// Print the link code and then the result on standard output, each as one line of JSON, for CI.
    #[arg(long)]
    json: bool,
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
    config: ClientConfig,
    environment: &Environment,
) -> Result<Exit, Failure> {
    let linked = if options.relink {
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
    if let Some(named) = config.access_key.filter(|_| !options.target.names_a_key()) {
        let variable = named.variable;
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
    config: &ClientConfig,
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
    let client = Client::new(server.clone())?;
    let client = match config.enroll_key.clone() {
        Some(named) => client.with(named.key, Origin::Variable(named.variable)),
        None => client,
    };
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
    let linked = wait(&Client::of(&profile)?, &code).await;
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

async fn relink(
    options: &Options,
    config: &ClientConfig,
    environment: &Environment,
) -> Result<Linked, Failure> {
    let profile = options.target.profile(config)?;
    let client = Client::of(&profile)?;
    let code = ask(&client, options).await?;
    let provider = invite(&client, &code, options, environment).await?;
    let poll = Some(wait(&client, &code).await?);
    Ok(Linked {
        poll,
        provider,
        key_file: None,
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
    let machine = machine_name();
    let request = LinkRequest {
        provider: options.provider.as_deref(),
        client_name: options.client_name.as_deref().or(machine.as_deref()),
        labels: options.labels.iter().map(Label::parts).collect(),
    };
    Ok(client.start_link(&request).await?)
}

fn machine_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(format!("central-oauth on {}", name.trim()))
}
